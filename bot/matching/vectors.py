"""Vectors of sentences already encoded, so that an edit of one example costs one encoding.

Two stores are read: the one in the repository (bytes, made by `python -m bench.artefact`)
and the one in the cache directory, which alone is written.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.matching.encoder import DIMENSIONS, Encoder, encodable, sentence_key
from bot.matching.vocabulary import Floats

SHIPPED = Path(__file__).parent / "model" / "sentences.npz"

_BATCH = 128  # sentences between two looks at the clock of a caller; about 2 s on one core


class VectorStore:
    """Vectors by sentence, for one encoder."""

    def __init__(self, encoder: str, files: Sequence[Path]) -> None:
        self._encoder = encoder
        self._vectors: dict[bytes, np.ndarray] = {}
        for file in files:
            self._vectors |= _read(file, encoder)

    def missing(self, texts: Sequence[str]) -> list[str]:
        """List the texts that have no vector, each once."""
        wanted = {sentence_key(self._encoder, encodable(text)): text for text in texts}
        return [text for key, text in wanted.items() if key not in self._vectors]

    def encode(self, texts: Sequence[str], encoder: Encoder) -> None:
        """Encode what is missing."""
        missing = self.missing(texts)
        for start in range(0, len(missing), _BATCH):
            batch = [encodable(text) for text in missing[start : start + _BATCH]]
            for text, vector in zip(batch, encoder.encode(batch), strict=True):
                self._vectors[sentence_key(self._encoder, text)] = quantised(vector)

    def matrix(self, texts: Sequence[str]) -> Floats:
        """Give a row a text; a row of NaN where there is no vector."""
        empty = np.full(DIMENSIONS, np.nan, dtype=np.float32)
        keys = (sentence_key(self._encoder, encodable(text)) for text in texts)
        rows = [restored(self._vectors[key]) if key in self._vectors else empty for key in keys]
        return np.stack(rows) if rows else np.zeros((0, DIMENSIONS), dtype=np.float32)

    def save(self, file: Path, texts: Sequence[str]) -> None:
        """Write the vectors of `texts` so that a reader sees the old file or the whole new one."""
        keys = sorted({sentence_key(self._encoder, encodable(text)) for text in texts} & self._vectors.keys())
        if not keys:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".sentences-", suffix=".npz")
        with os.fdopen(handle, "wb") as stream:
            np.savez(
                stream,
                encoder=np.array(self._encoder),
                keys=np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), -1),
                vectors=np.stack([self._vectors[key] for key in keys]),
            )
        Path(name).chmod(0o644)
        Path(name).replace(file)


def quantised(vector: Floats) -> np.ndarray:
    """Keep a vector of length 1 as signed bytes; its likeness to others changes by less than 0.01."""
    largest = float(np.abs(vector).max()) or 1.0
    return np.round(vector / largest * 127).astype(np.int8)


def restored(stored: np.ndarray) -> Floats:
    """Turn signed bytes back into a vector of length 1."""
    vector = stored.astype(np.float32)
    return np.asarray(vector / (np.linalg.norm(vector) or 1.0), dtype=np.float32)


def _read(file: Path, encoder: str) -> dict[bytes, np.ndarray]:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            if str(stored["encoder"]) != encoder:
                return {}
            keys, vectors = stored["keys"], stored["vectors"]
            if vectors.dtype != np.int8 or vectors.shape != (len(keys), DIMENSIONS) or keys.dtype != np.uint8:
                return {}
            return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
