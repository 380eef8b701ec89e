from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.matching.vectors import VectorStore, quantised, restored
from tests.matching.lessons import FakeEncoder


def test_vectors_come_back_from_the_file_of_their_encoder_only(tmp_path: Path) -> None:
    encoder, texts = FakeEncoder(), ["раз", "два", "три"]
    store = VectorStore("fake", [])
    store.encode([*texts, "раз"], encoder)
    assert encoder.encoded == texts
    store.save(tmp_path / "s.npz", texts[:2])
    again = VectorStore("fake", [tmp_path / "s.npz", tmp_path / "missing.npz"])
    assert again.missing(texts) == ["три"]
    matrix = again.matrix(texts)
    assert np.isnan(matrix[2]).all()
    assert np.allclose(matrix[:2], encoder.encode(texts[:2]), atol=0.02)
    assert VectorStore("other", [tmp_path / "s.npz"]).missing(texts) == texts


def test_a_damaged_file_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(b"PK\x03\x04 no")
    assert VectorStore("fake", [tmp_path / "s.npz"]).missing(["a"]) == ["a"]


def test_bytes_keep_the_direction() -> None:
    vector = np.random.default_rng(0).normal(size=384).astype(np.float32)
    vector /= np.linalg.norm(vector)
    assert float(restored(quantised(vector)) @ vector) > 0.999
