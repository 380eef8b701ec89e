"""Tune e5 on the examples: new scales, biases and norms for the upper six layers (see bot/matching/weights.py).

    pip install jax                                          (for this command only)
    python -m bench.tuning --out data/bench/tuned.npz        about 25 minutes on two free cores
    python -m bench.artefact --tuned data/bench/tuned.npz

The lower six layers run once, their outputs are kept; the upper six learn, with a linear head over the
intents that is thrown away afterwards. A third of the examples is repeated as callers type: on another
keyboard, with slips.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.engine import LAYERS, ModelFile, Params, pooled, run_layer
from bench.understanding import ROOT, load_lesson
from bot.language.keyboard import typed
from bot.matching.corpus import sentences

FROZEN = 6  # lower layers that stay as they are
LENGTHS = (12, 16, 20, 24, 32, 40, 64)  # messages are padded to one of these many tokens
TOKENS = 1280  # of a batch
SMOOTHING = 0.05  # of the labels
DROPOUT = 0.1  # of the pooled vector

Batch = tuple[Any, Any, Any, Any]  # vectors, mask, labels, weights


class Tuning:
    """The data, and the parameters while they learn."""

    def __init__(self, content: str, noise: float) -> None:
        self.file = ModelFile()
        random = np.random.default_rng(3)
        found = sentences(load_lesson(content), 1)
        classes = sorted({s.label for s in found})
        noisy = [s for s in found if random.random() < noise]
        texts = [s.text for s in found] + [typed(s.text, random) for s in noisy]
        self.labels = np.array([classes.index(s.label) for s in (*found, *noisy)])
        self.weights = np.array([1.0] * len(found) + [0.7] * len(noisy), dtype=np.float32)
        self.classes = len(classes)
        self.tokens = [self.file.tokens(text[:800]) for text in texts]
        layers = [self.file.layer(number) for number in range(LAYERS)]
        self.lower = layers[:FROZEN]
        self.fixed = [fixed for fixed, _ in layers[FROZEN:]]
        tuned = [tuned for _, tuned in layers[FROZEN:]]
        zeros = {"W": jnp.zeros((384, self.classes)), "b": jnp.zeros(self.classes), "mean": jnp.zeros(384)}
        self.params: Params = {"layers": jax.tree.map(jnp.asarray, tuned), **zeros}
        self.kept = {length: self._kept(length) for length in LENGTHS}

    def _kept(self, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Run the lower layers over the messages of one padded length: rows, outputs, masks."""
        fitting = [next(size for size in LENGTHS if len(t) <= size) for t in self.tokens]
        rows = np.array([i for i, size in enumerate(fitting) if size == length], dtype=np.int64)
        size = batch_size(length)
        tokens = np.full((len(rows) + size, length), self.file.pad)
        mask = np.zeros((len(rows) + size, length), np.float32)
        mask[:, 0] = 1
        for place, row in enumerate(rows):
            tokens[place, : len(self.tokens[row])] = self.tokens[row]
            mask[place, : len(self.tokens[row])] = 1

        @jax.jit
        def run(vectors: Any, mask: Any) -> Any:
            for fixed, tuned in self.lower:
                vectors = run_layer(vectors, mask, fixed, tuned, self.file.epsilon)
            return vectors

        outputs = np.empty((len(rows), length, 384), np.float16)
        for start in range(0, len(rows), size):
            part = run(self.file.embedded(tokens[start : start + size]), mask[start : start + size])
            outputs[start : start + size] = np.asarray(part)[: len(rows) - start]
        return rows, outputs, mask[: len(rows)]

    def encode(self, layers: Any, vectors: Any, mask: Any) -> Any:
        """Run the upper layers."""
        vectors = vectors.astype(jnp.float32)
        for fixed, tuned in zip(self.fixed, layers, strict=True):
            vectors = run_layer(vectors, mask, fixed, tuned, self.file.epsilon)
        return pooled(vectors, mask)

    def loss(self, params: Params, batch: Batch, key: Any) -> Any:
        """Cross entropy with smoothed labels; scales are drawn towards what they were."""
        vectors, mask, labels, weights = batch
        meaning = self.encode(params["layers"], vectors, mask) - params["mean"]
        kept = jax.random.bernoulli(key, 1 - DROPOUT, meaning.shape) / (1 - DROPOUT)
        logs = jax.nn.log_softmax((meaning * kept) @ params["W"] * 20 + params["b"])
        truth = jax.nn.one_hot(labels, self.classes) * (1 - SMOOTHING) + SMOOTHING / self.classes
        drawn = sum((layer[k] ** 2).sum() for layer in params["layers"] for k in layer if k.endswith(".s"))
        return (-(truth * logs).sum(1) * weights).sum() / weights.sum() + 1e-4 * drawn

    def start_head(self) -> None:
        """Begin with a ridge regression, so that the first gradients make sense."""
        run = jax.jit(self.encode)
        meaning, labels = [], []
        for length, (rows, outputs, mask) in self.kept.items():
            size = batch_size(length)
            for start in range(0, len(rows), size * 3):  # a third is enough
                meaning.append(
                    np.asarray(run(self.params["layers"], outputs[start : start + size], mask[start : start + size]))
                )
                labels.append(self.labels[rows[start : start + size]])
        found, truth = np.concatenate(meaning), np.eye(self.classes)[np.concatenate(labels)]
        mean = found.mean(0)
        centred = found - mean
        solved = np.linalg.solve(centred.T @ centred + 2 * np.eye(384), centred.T @ (truth - truth.mean(0)))
        self.params |= {"W": jnp.asarray(solved * 0.3, jnp.float32), "mean": jnp.asarray(mean)}

    def batches(self, random: np.random.Generator) -> list[Batch]:
        """Shuffle one epoch's batches; a short one is filled up with weight 0."""
        found: list[Batch] = []
        for length, (rows, outputs, mask) in self.kept.items():
            size, order = batch_size(length), random.permutation(len(rows))
            for start in range(0, len(rows), size):
                chosen = order[start : start + size]
                filled = np.concatenate([chosen, np.zeros(size - len(chosen), np.int64)])
                weights = self.weights[rows[filled]]
                weights[len(chosen) :] = 0
                found.append((outputs[filled], mask[filled], self.labels[rows[filled]], weights))
        random.shuffle(found)  # type: ignore[arg-type]
        return found

    def save(self, file: Path) -> None:
        """Write the tensors as `bench.artefact --tuned` reads them."""
        tensors: dict[str, np.ndarray] = {}
        for number, layer in enumerate(self.params["layers"]):
            tensors |= self.file.tensors(FROZEN + number, layer)
        np.savez(file, **tensors)  # type: ignore[arg-type]


def batch_size(length: int) -> int:
    """Messages in a batch of one length."""
    return max(8, TOKENS // length // 8 * 8)


def learn(tuning: Tuning, epochs: int, rate: float, out: Path) -> None:
    """Adam with a short warm-up and a cosine fall."""
    random = np.random.default_rng(0)
    steps = epochs * sum(-(-len(rows) // batch_size(length)) for length, (rows, _, _) in tuning.kept.items())

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Params, moments: Any, number: Any, batch: Batch, key: Any) -> Any:
        first, second = moments
        value, gradient = jax.value_and_grad(tuning.loss)(params, batch, key)
        gradient["mean"] = gradient["mean"] * 0
        size = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradient)))
        gradient = jax.tree.map(lambda g: g * jnp.minimum(1, 1 / (size + 1e-6)), gradient)
        first = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda a, g: 0.99 * a + 0.01 * g * g, second, gradient)
        now = (
            rate * jnp.minimum(1, (number + 1) / 60) * (0.51 + 0.5 * jnp.cos(jnp.pi * jnp.minimum(1.0, number / steps)))
        )
        corrected = now / (1 - 0.9 ** (number + 1.0)), 1 - 0.99 ** (number + 1.0)
        params = jax.tree.map(
            lambda p, a, b: p - corrected[0] * a / (jnp.sqrt(b / corrected[1]) + 1e-8), params, first, second
        )
        return params, (first, second), value

    moments = tuple(jax.tree.map(jnp.zeros_like, tuning.params) for _ in range(2))
    key, number, begun = jax.random.PRNGKey(0), 0, time.perf_counter()
    for epoch in range(epochs):
        losses = []
        for batch in tuning.batches(random):
            key, own = jax.random.split(key)
            tuning.params, moments, value = step(tuning.params, moments, number, batch, own)
            losses.append(float(value))
            number += 1
            if number % 50 == 0:
                print(
                    f"step {number} of {steps}, loss {np.mean(losses[-50:]):.3f}, {time.perf_counter() - begun:.0f} s",
                    flush=True,
                )
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)
        tuning.save(out)


def main() -> None:
    """Tune and write the tensors after each epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", default=str(ROOT / "intents"))
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "bench" / "tuned.npz")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--noise", type=float, default=0.3, help="share of examples repeated as callers type")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    tuning = Tuning(arguments.content, arguments.noise)
    print(f"{len(tuning.tokens)} sentences, {tuning.classes} classes", flush=True)
    tuning.start_head()
    learn(tuning, arguments.epochs, arguments.rate, arguments.out)


if __name__ == "__main__":
    main()
