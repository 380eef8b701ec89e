"""Train a matcher: signals on all sentences, and how to combine them by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bot.language.folding import fold
from bot.language.identification import LanguageModel
from bot.matching.combiner import Combiner, train_combiner
from bot.matching.concepts import ConceptIndex, Found
from bot.matching.corpus import OUT_OF_SCOPE, Sentence, sentences
from bot.matching.danger import DangerModel, Rules, log_odds, train_danger
from bot.matching.decision import Thresholds, choose_thresholds
from bot.matching.features import MAX_WORDS, Blocks, features_of
from bot.matching.lesson import Lesson
from bot.matching.linear import Linear, labels_of, train_bayes, train_svm, unscaled
from bot.matching.match import Urgency
from bot.matching.model import Model, Stage
from bot.matching.neighbours import Neighbours
from bot.matching.semantic import Head, train_head
from bot.matching.signals import FIRST, first_signals, second_signals
from bot.matching.vocabulary import Floats, Vocabulary

Labels = NDArray[np.int64]

_WRONG = 0.03  # share of messages in scope that may be answered wrongly
_BEYOND = 0.04  # share of messages out of scope that may be answered
_LOST = 0.01  # share of messages in scope that may fall back
_FEWEST = 30  # sentences from which the combiners can be learnt
_RECALL = 0.985  # share of messages of danger that must show a danger card or question
_FALSE_ALARMS = 0.08  # share of harmless messages, out of scope ones too, that may show one, whatever recall is left


@dataclass(frozen=True, slots=True)
class Options:
    """What training does; the ablation switches parts off."""

    seed: int = 0
    variants: int = 2  # of a template
    folds: int = 3
    judged: int = 6000  # sentences whose cross-validated predictions the combiners learn from
    blocks: Blocks = field(default_factory=Blocks)
    bayes: float = 0.5  # share of Naive Bayes in the linear score


@dataclass(frozen=True, slots=True)
class Material:
    """A lesson, ready to be counted."""

    sentences: tuple[Sentence, ...]
    folded: tuple[str, ...]
    concepts: tuple[list[Found], ...]
    classes: tuple[str, ...]  # intents, then out of scope
    labels: Labels
    danger: NDArray[np.bool_]
    weights: Floats
    groups: Labels
    matrix: csr_matrix
    vectors: Floats | None  # of meaning
    options: Options


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals of danger and of the classes, for messages not trained on."""

    classes: Floats  # messages × classes × signals
    danger: Floats  # messages × [support-vector machine, rules (, meaning)]


def train_model(
    lesson: Lesson,
    vectors: Floats | None = None,
    options: Options | None = None,
    stages: tuple[Stage, Stage] | None = None,
) -> Model:
    """Train on `lesson`; `vectors` are the meanings of its `sentences`, row by row, when there are any.

    `stages`, when they are known from elsewhere, spare the cross-validation.
    """
    options = options or Options()
    index = ConceptIndex.build(lesson.words)
    found = sentences(lesson, options.variants)
    material, vocabulary = prepare(lesson, found, index, vectors, options)
    linear, head, rules = fit(material, np.ones(len(found), dtype=bool))
    first, second = stages or judge(material)
    return Model(
        intents=material.classes[:-1],
        topics=tuple(intent.topic for intent in lesson.intents),
        urgencies=tuple(intent.urgency for intent in lesson.intents),
        sentences=tuple(found),
        index=index,
        vocabulary=vocabulary,
        linear=linear,
        rules=rules,
        languages=LanguageModel.train((s.text, s.language) for s in _first_variants(found)),
        first=first,
        head=head,
        second=second if head is not None else None,
    )


def prepare(
    lesson: Lesson, found: Sequence[Sentence], index: ConceptIndex, vectors: Floats | None, options: Options
) -> tuple[Material, Vocabulary]:
    """Fold, count and number the sentences."""
    classes = (*(intent.id for intent in lesson.intents), OUT_OF_SCOPE)
    urgency = {intent.id: intent.urgency for intent in lesson.intents}
    folded = tuple(fold(sentence.text) for sentence in found)
    documents = [features_of(text.split()[:MAX_WORDS], index, options.blocks) for text in folded]
    vocabulary = Vocabulary.build(documents)
    return Material(
        sentences=tuple(found),
        folded=folded,
        concepts=tuple(index.find(text.split()[:MAX_WORDS]) for text in folded),
        classes=classes,
        labels=labels_of([sentence.label for sentence in found], classes),
        danger=np.array([urgency.get(s.label, Urgency.NORMAL) is not Urgency.NORMAL for s in found], dtype=bool),
        weights=np.array([sentence.weight for sentence in found], dtype=np.float32),
        groups=np.array([sentence.group for sentence in found], dtype=np.int64),
        matrix=vocabulary.matrix(documents),
        vectors=vectors,
        options=options,
    ), vocabulary


def fit(material: Material, chosen: NDArray[np.bool_]) -> tuple[Linear, Head | None, Rules]:
    """Train the signals on the chosen sentences."""
    options = material.options
    matrix, weights, labels = material.matrix[chosen], material.weights[chosen], material.labels[chosen]
    danger = material.danger[chosen].astype(np.int64)
    count = len(material.classes)
    linear = _beside(
        _mixed(
            train_svm(matrix, labels, weights, count, options.seed),
            train_bayes(matrix, labels, weights, count),
            options,
        ),
        train_svm(matrix, danger, weights, 2, options.seed) if 0 < danger.sum() < len(danger) else None,
    )
    intents = [s.label if is_danger else "" for s, is_danger in zip(material.sentences, material.danger, strict=True)]
    kept = np.nonzero(chosen)[0].tolist()
    rules = Rules.learn([material.concepts[i] for i in kept], [intents[i] for i in kept], material.weights[chosen])
    head = None
    if material.vectors is not None:
        head = _heads(material, chosen)
    return linear, head, rules


def judge(material: Material) -> tuple[Stage, Stage | None]:
    """Learn how to combine the signals, from predictions on sentences the signals never saw."""
    options = material.options
    if len(material.labels) < _FEWEST:
        return default_stage(FIRST), default_stage(FIRST + 1) if material.vectors is not None else None
    fold_of = _folds(material.groups, options.folds, options.seed)
    judged = np.random.default_rng(options.seed).permutation(len(material.labels))
    if material.vectors is not None:
        judged = judged[~np.isnan(material.vectors[judged, 0])]
    judged = np.sort(judged[: options.judged])
    parts = []
    for number in range(options.folds):
        rows = judged[fold_of[judged] == number]
        parts.append((rows, _signals(material, fold_of != number, rows)))
    rows = np.concatenate([rows for rows, _ in parts])
    classes = np.concatenate([signals.classes for _, signals in parts])
    danger = np.concatenate([signals.danger for _, signals in parts])
    labels, is_danger = material.labels[rows], material.danger[rows]
    dangerous = np.zeros(len(material.classes), dtype=bool)
    dangerous[np.unique(material.labels[material.danger])] = True
    shared = {"weights": material.weights[rows], "dangerous": dangerous}
    first = learn_stage(classes[:, :, :FIRST], danger[:, :2], labels, is_danger, **shared)
    second = learn_stage(classes, danger, labels, is_danger, **shared) if material.vectors is not None else None
    return first, second


def _signals(material: Material, chosen: NDArray[np.bool_], rows: Labels) -> Signals:
    linear, head, rules = fit(material, chosen)
    kept = np.nonzero(chosen)[0]
    neighbours = Neighbours.build([material.folded[i] for i in kept], material.labels[kept], len(material.classes))
    scores = linear.scores_of_all(material.matrix[rows])
    nearest = [
        first_signals(scores[i, :-1], material.folded[row], neighbours)[0] for i, row in enumerate(rows.tolist())
    ]
    strengths = np.array([rules.strength(material.concepts[row]) for row in rows.tolist()], dtype=np.float32)
    danger = np.stack([scores[:, -1], strengths], axis=1)
    classes = np.stack(nearest)
    if head is not None and material.vectors is not None:
        meaning = head.scores(material.vectors[rows])
        classes = np.stack([second_signals(classes[i], meaning[i, :-1]) for i in range(len(rows))])
        danger = np.column_stack([danger, meaning[:, -1]])
    return Signals(classes, danger.astype(np.float32))


def learn_stage(
    classes: Floats,
    danger: Floats,
    labels: Labels,
    is_danger: NDArray[np.bool_],
    *,
    weights: Floats,
    dangerous: NDArray[np.bool_],
) -> Stage:
    """Learn how to combine signals of messages that the signals never saw; `dangerous` marks the classes of danger."""
    combiner = train_combiner(classes, labels, weights)
    chances = combiner.chances(classes)
    summed = log_odds(np.asarray(chances[:, dangerous].sum(axis=1), dtype=np.float32))
    return Stage(
        combiner=combiner,
        danger=train_danger(
            np.column_stack([danger, summed]).astype(np.float32),
            is_danger,
            weights,
            recall=_RECALL,
            false_alarms=_FALSE_ALARMS,
        ),
        thresholds=choose_thresholds(chances, labels, weights, wrong=_WRONG, beyond=_BEYOND, lost=_LOST),
    )


def default_stage(signals: int) -> Stage:
    """What to believe when there are too few sentences to learn it from: what full content taught."""
    combiner = Combiner(np.array([4.0, 2.0, 0.5][:signals], dtype=np.float32))
    weights = [1.5, 0.3, 1.0] if signals == FIRST else [1.0, 0.2, 0.3, 1.0]
    danger = DangerModel(np.array(weights, dtype=np.float32), 0.0, 0.5, 0.8)
    return Stage(combiner, danger, Thresholds())


def _mixed(svm: Linear, bayes: Linear, options: Options) -> Linear:
    """Add Naive Bayes to the support-vector machine, column by column brought to one scale."""
    return unscaled(svm.full() + options.bayes * bayes.full(), svm.bias + options.bayes * bayes.bias)


def _beside(classes: Linear, danger: Linear | None) -> Linear:
    """Put the danger model's column after the classes'."""
    weights = danger.full()[:, 1:] if danger else np.zeros((classes.weights.shape[0], 1), np.float32)
    bias = danger.bias[1:] if danger else np.full(1, -2.0, np.float32)
    return unscaled(np.hstack([classes.full(), weights]), np.concatenate([classes.bias, bias])).packed()


def _heads(material: Material, chosen: NDArray[np.bool_]) -> Head:
    if material.vectors is None:
        raise ValueError("there are no vectors to learn from")
    chosen = chosen & ~np.isnan(material.vectors[:, 0])  # the rest is not encoded yet
    vectors, labels, weights = material.vectors[chosen], material.labels[chosen], material.weights[chosen]
    classes = train_head(vectors, labels, weights, len(material.classes))
    danger = material.danger[chosen].astype(np.int64)
    if 0 < danger.sum() < len(danger):
        two = train_head(vectors, danger, weights, 2)
        column, bias = two.weights[:, 1:] - two.weights[:, :1], two.bias[1:] - two.bias[:1]
    else:
        column, bias = np.zeros((vectors.shape[1], 1), np.float32), np.full(1, -9.0, np.float32)
    return Head(classes.mean, np.hstack([classes.weights, column]), np.concatenate([classes.bias, bias]))


def _folds(groups: Labels, folds: int, seed: int) -> Labels:
    """Give every template a fold, so that its variants stay together."""
    order = np.random.default_rng(seed + 1).integers(0, folds, int(groups.max(initial=0)) + 1)
    return np.asarray(order[groups], dtype=np.int64)


def _first_variants(found: Sequence[Sentence]) -> list[Sentence]:
    seen: set[int] = set()
    return [s for s in found if not (s.group in seen or seen.add(s.group))]  # type: ignore[func-returns-value]
