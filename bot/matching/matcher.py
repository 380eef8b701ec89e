"""Find out what a message means: one object, trained once, asked from any thread."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bot.language.folding import fold, written_words
from bot.language.scripts import clean, script_of
from bot.matching.concepts import Found
from bot.matching.corpus import OUT_OF_SCOPE, sentences
from bot.matching.danger import log_odds, phrase_of
from bot.matching.decision import decide
from bot.matching.encoder import Encoder, load_encoder
from bot.matching.explanation import CandidateExplanation, Contribution, Explanation
from bot.matching.features import MAX_WORDS, features_of, kind_of
from bot.matching.lesson import Lesson
from bot.matching.linear import log_softmax
from bot.matching.match import Candidate, Danger, DangerSignal, Match, Urgency
from bot.matching.model import VERSION, Model, Stage, load, save, stage_from
from bot.matching.neighbours import NOBODY, Neighbour, Neighbours, likeness
from bot.matching.signals import LINEAR, MEANING, first_signals, second_signals
from bot.matching.training import Options, train_model
from bot.matching.vectors import SHIPPED, VectorStore
from bot.matching.vocabulary import Floats, Ints
from bot.matching.weights import SHIPPED_WEIGHTS, Tuning, read_tuning

Semantic = bool | Literal["cached"]

_HEARD_TOO = 0.0  # margin of the linear model from which a second danger counts for the urgency
_STRONG_SIGNAL = 0.9  # weight of a rule that counts for the urgency by itself
_KEPT = 5  # candidates of a match
_SURE = 0.97  # chance from which the first stage needs no second
_ALSO = 0.6  # chance from which a sentence of the message counts as another question
_SENTENCE_ENDS = re.compile(r"[.!?…\n;]+")
_MOST_ENCODED = 8000  # sentences encoded in one training, spread over the classes: two minutes on one free core
_LEAST_KNOWN = 0.5  # share of sentences whose meaning is stored, below which meaning is left out
_MAX_PARTS = 8  # sentences of a message looked at one by one


@dataclass(frozen=True, slots=True)
class Reading:
    """A message, taken apart."""

    folded: str
    words: tuple[str, ...]
    written: tuple[str, ...]  # the same words as the caller wrote them
    concepts: tuple[Found, ...]
    numbers: Ints
    values: Floats


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one or both stages say of a message."""

    stage: Stage
    signals: Floats  # classes × signals
    chances: Floats  # classes; the last is out of scope
    danger_signals: Floats
    danger: float  # chance
    nearest: dict[int, Neighbour]


class Matcher:
    """Understands messages in the languages and intents of one lesson."""

    def __init__(self, model: Model, encoder: Encoder | None = None) -> None:
        self.model = model
        self.encoder = encoder if model.head is not None else None
        folded = [fold(sentence.text) for sentence in model.sentences]
        places = {intent: place for place, intent in enumerate((*model.intents, OUT_OF_SCOPE))}
        labels = np.array([places[sentence.label] for sentence in model.sentences], dtype=np.int64)
        self.neighbours = Neighbours.build(folded, labels, len(places))
        self._dangerous = np.array([urgency is not Urgency.NORMAL for urgency in model.urgencies] + [False])

    @classmethod
    def train(
        cls,
        lesson: Lesson,
        *,
        cache: Path | None = None,
        semantic: Semantic = True,
        seed: int = 0,
        options: Options | None = None,
        shipped: Path = SHIPPED,
        weights: Path = SHIPPED_WEIGHTS,
    ) -> Matcher:
        """Train on `lesson`, or load what was trained on the same lesson before. Blocks.

        `semantic`: True encodes sentences whose meaning is not stored yet (15 ms each), "cached"
        takes the stored ones only, False leaves meaning out. Files are written in `cache` only.
        """
        options = options or Options(seed=seed)
        texts = [sentence.text for sentence in sentences(lesson, options.variants)]
        tuning = read_tuning(weights) if semantic else None
        tuning = tuning if tuning and tuning.knows(texts) else None
        encoder = load_encoder(tuning) if semantic else None
        full = lesson_key(lesson, options, encoder, tuning)
        key = full if semantic != "cached" else f"{full}-cached"
        for folder in (cache, shipped.parent):
            for name in dict.fromkeys((full, key)) if folder else ():
                model = load(name, folder / f"matcher-{name}.npz") if folder else None
                if model is not None:
                    return cls(model, encoder)
        vectors = None
        if encoder:
            store = VectorStore(encoder.name, [shipped, *([cache / "sentences.npz"] if cache else [])])
            vectors = _vectors(texts, store, encoder, cache, new=semantic != "cached")
        model = train_model(lesson, vectors, options, _known_stages(tuning))
        if cache is not None:
            save(model, key, cache / f"matcher-{key}.npz")
        return cls(model, encoder)

    def match(self, text: str, *, previous: str | None = None, language_hint: str = "") -> Match:
        """Say what `text` means. Pure, and safe to call from any thread.

        `previous` is the intent last answered; `language_hint` the language the caller chose,
        which decides where the text itself does not tell.
        """
        reading = self.read(text)
        judgement = self._judge(reading, text)
        chances = self._in_context(judgement.chances, reading, previous)
        order = np.argsort(-chances[:-1], kind="stable")
        candidates = tuple(self._candidate(int(label), chances, judgement) for label in order[:_KEPT])
        exact = self.neighbours.exact.get(reading.folded, -1)
        is_exact = exact >= 0 and bool(candidates) and self.model.sentences[exact].label == candidates[0].intent
        if not reading.words:
            candidates_decided: tuple[Candidate, ...] = ()
        else:
            candidates_decided = candidates
        decision = decide(candidates_decided, float(chances[-1]), judgement.stage.thresholds, is_exact)
        scores = self.model.languages.scores(text)
        best = max(scores, key=scores.__getitem__) if scores else ""
        if language_hint and (not best or scores[best] < 0.6):
            best = language_hint
        return Match(
            text=text,
            folded=reading.folded,
            language=best,
            script=script_of(clean(text[:2000])),
            language_scores=scores,
            action=decision.action,
            intent=candidates[0].intent if decision.action == "answer" else None,
            choices=decision.choices,
            danger=self._danger(reading, judgement),
            candidates=candidates,
            also=self._also(text, candidates),
            reason=decision.reason,
        )

    def glance(self, text: str) -> Danger:
        """Judge danger by the first stage alone, in a few milliseconds: for the door, where every message passes."""
        reading = self.read(text)
        return self._danger(reading, self._judge_first(reading)[0])

    def explain(self, match: Match) -> Explanation:
        """Say why `match` came out as it did, from the same model."""
        reading = self.read(match.text)
        judgement = self._judge(reading, match.text)
        places = {intent: place for place, intent in enumerate(self.model.intents)}
        return Explanation(
            text=match.text,
            language=match.language,
            script=match.script,
            folded=reading.folded,
            concepts=tuple(dict.fromkeys(found.name for found in reading.concepts)),
            action=match.action,
            reason=match.reason,
            candidates=tuple(self._explain(places[c.intent], c, reading, judgement) for c in match.candidates),
            out_of_scope=float(judgement.chances[-1]),
            danger=match.danger,
        )

    def replay(self, text: str, example: str) -> float:
        """Compare `text` with an example anew: the likeness an explanation names, 0 to 1."""
        return likeness(fold(text), fold(example))

    def read(self, text: str) -> Reading:
        """Fold a message and take it apart."""
        folded = fold(text)
        words = tuple(folded.split()[:MAX_WORDS])
        numbers, values = self.model.vocabulary.vector(features_of(words, self.model.index))
        return Reading(folded, words, tuple(written_words(text)), tuple(self.model.index.find(words)), numbers, values)

    def _judge(self, reading: Reading, text: str) -> Judgement:
        """Judge by the first stage, and by meaning too where the first is unsure."""
        first, danger = self._judge_first(reading)
        if self.encoder is None or self.model.head is None or self.model.second is None:
            return first
        if not reading.words or self._is_sure(first):
            return first
        meaning = self.model.head.scores(self.encoder.encode([clean(text)])[0])
        signals = second_signals(first.signals, meaning[:-1])
        return self._combine(self.model.second, signals, [*danger, float(meaning[-1])], first.nearest)

    def _judge_first(self, reading: Reading) -> tuple[Judgement, list[float]]:
        """Judge by the first stage; its own signals of danger are given for the second."""
        scores = self.model.linear.scores(reading.numbers, reading.values)
        signals, nearest = first_signals(scores[:-1], reading.folded, self.neighbours)
        danger = [float(scores[-1]), self.model.rules.strength(reading.concepts)]
        return self._combine(self.model.first, signals, danger, nearest), danger

    def _combine(self, stage: Stage, signals: Floats, danger: list[float], nearest: dict[int, Neighbour]) -> Judgement:
        chances = stage.combiner.chances(signals)
        summed = float(chances[self._dangerous].sum())
        danger_signals = np.array([*danger, float(log_odds(summed))], dtype=np.float32)
        return Judgement(stage, signals, chances, danger_signals, stage.danger.chance(danger_signals), nearest)

    def _is_sure(self, judgement: Judgement) -> bool:
        danger = judgement.stage.danger
        clear = judgement.danger < danger.soft / 4 or judgement.danger > danger.full
        return clear and float(judgement.chances.max()) >= _SURE

    def _in_context(self, chances: Floats, reading: Reading, previous: str | None) -> Floats:
        """Lean a short follow-up ("а сколько стоит?") towards the topic answered before."""
        if previous not in self.model.intents or len(reading.words) > 6 or float(chances.max()) > 0.9:
            return chances
        place = self.model.intents.index(previous)
        lean = np.ones(len(chances), dtype=np.float32)
        lean[:-1] += [topic == self.model.topics[place] for topic in self.model.topics]
        lean[place] += 1
        leaning = chances * lean
        return np.asarray(leaning / leaning.sum(), dtype=np.float32)

    def _candidate(self, label: int, chances: Floats, judgement: Judgement) -> Candidate:
        neighbour = judgement.nearest.get(label, NOBODY)
        sentence = self.model.sentences[neighbour.place] if neighbour.place >= 0 else None
        signals, weights = judgement.signals, judgement.stage.combiner.weights
        parts = {
            "ngrams": float(np.exp(log_softmax(signals[:, LINEAR] * weights[LINEAR])[label])),
            "nearest": neighbour.score,
        }
        if signals.shape[1] > MEANING:
            parts["meaning"] = float(np.exp(log_softmax(signals[:, MEANING])[label]))
        return Candidate(
            intent=self.model.intents[label],
            score=float(chances[label]),
            parts=parts,
            nearest=sentence.text if sentence else "",
            nearest_language=sentence.language if sentence else "",
        )

    def _danger(self, reading: Reading, judgement: Judgement) -> Danger:
        model = judgement.stage.danger
        if not reading.words or judgement.danger < model.soft or not self._dangerous.any():
            return Danger(score=judgement.danger)
        dangerous = np.where(self._dangerous, judgement.chances, -1)
        place = int(dangerous.argmax())
        intent = self.model.intents[place]
        signals = self.model.rules.signals(reading.concepts, reading.written)[:5]
        own = DangerSignal("model", self._telling_words(reading), intent, judgement.danger)
        return Danger(
            level=self._gravest(judgement, place, signals),
            intent=intent,
            soft=judgement.danger < model.full,
            score=judgement.danger,
            signals=(*signals, own),
        )

    def _gravest(self, judgement: Judgement, place: int, signals: Sequence[DangerSignal]) -> Urgency:
        """Take the highest urgency of what was heard: papers taken *and* locked in is an emergency."""
        urgencies = dict(zip(self.model.intents, self.model.urgencies, strict=True))
        known = len(self.model.intents)
        too = self._dangerous[:known] & (judgement.signals[:known, LINEAR] >= _HEARD_TOO)
        heard = [self.model.intents[i] for i in np.flatnonzero(too)]
        heard += [signal.intent for signal in signals if signal.weight >= _STRONG_SIGNAL]
        levels = [self.model.urgencies[place], *(urgencies[intent] for intent in heard if intent in urgencies)]
        return max(levels, key=lambda level: level.rank)

    def _telling_words(self, reading: Reading) -> str:
        """Name the words of the message that speak most for danger, in their order."""
        weights = []
        for place, word in enumerate(reading.words):
            numbers, values = self.model.vocabulary.vector(features_of([word], self.model.index))
            weights.append((float(self.model.linear.parts(numbers, values, -1).sum()), place))
        telling = sorted(place for weight, place in sorted(weights, reverse=True)[:4] if weight > 0)
        return phrase_of([reading.written[place] for place in telling])

    def _also(self, text: str, candidates: tuple[Candidate, ...]) -> tuple[str, ...]:
        """Find other questions in the message's single sentences, by the first stage."""
        parts = [part for part in _SENTENCE_ENDS.split(text[:2000]) if len(part.split()) >= 3][:_MAX_PARTS]
        if len(parts) < 2 or not candidates:
            return ()
        found: dict[str, None] = {}
        for part in parts:
            reading = self.read(part)
            scores = self.model.linear.scores(reading.numbers, reading.values)
            signals, _ = first_signals(scores[:-1], reading.folded, self.neighbours)
            chances = self.model.first.combiner.chances(signals)
            label = int(chances.argmax())
            if chances[label] >= _ALSO and label < len(self.model.intents):
                found[self.model.intents[label]] = None
        return tuple(intent for intent in found if intent != candidates[0].intent)

    def _explain(
        self, label: int, candidate: Candidate, reading: Reading, judgement: Judgement
    ) -> CandidateExplanation:
        names = {number: name for name in features_of(reading.words, self.model.index)
                 if (number := self.model.vocabulary.numbers.get(name)) is not None}  # fmt: skip
        weights = self.model.linear.parts(reading.numbers, reading.values, label)
        order = np.argsort(-np.abs(weights))
        contributions = tuple(
            Contribution(names[int(reading.numbers[i])], kind_of(names[int(reading.numbers[i])]), float(weights[i]))
            for i in order
        )
        return CandidateExplanation(
            intent=candidate.intent,
            score=candidate.score,
            linear=float(judgement.signals[label, LINEAR]),
            bias=float(self.model.linear.bias[label]),
            contributions=contributions,
            nearest=candidate.nearest,
            nearest_language=candidate.nearest_language,
            likeness=float(candidate.parts["nearest"]),
            meaning=candidate.parts.get("meaning"),
        )


def lesson_key(lesson: Lesson, options: Options, encoder: Encoder | None, tuning: Tuning | None) -> str:
    """Name what was learnt from what: changes with the lesson, the options, the encoder and the code's version."""
    facts = {
        "version": VERSION,
        "options": repr(options),
        "encoder": encoder.name if encoder else "",
        "stages": tuning.facts if tuning else {},
        "intents": [
            [i.id, i.topic, i.urgency.value, {k: list(v) for k, v in sorted(i.examples.items())}]
            for i in lesson.intents
        ],
        "words": {c: {k: list(v) for k, v in sorted(w.items())} for c, w in sorted(lesson.words.items())},
        "out_of_scope": {k: list(v) for k, v in sorted(lesson.out_of_scope.items())},
    }
    return hashlib.blake2b(json.dumps(facts, ensure_ascii=True).encode(), digest_size=12).hexdigest()


def _vectors(
    texts: Sequence[str], store: VectorStore, encoder: Encoder, cache: Path | None, *, new: bool
) -> Floats | None:
    """Give the meaning of every text, encoding what is not stored yet when `new` says so."""
    missing = store.missing(texts) if new else []
    if missing:
        spread = np.linspace(0, len(missing) - 1, min(len(missing), _MOST_ENCODED)).round().astype(int)
        store.encode([missing[place] for place in spread], encoder)
        if cache:
            store.save(cache / "sentences.npz", texts)
    vectors = store.matrix(texts)
    known = int((~np.isnan(vectors[:, 0])).sum())
    return vectors if known >= min(_LEAST_KNOWN * len(texts), _MOST_ENCODED) and known else None


def _known_stages(tuning: Tuning | None) -> tuple[Stage, Stage] | None:
    """Take the stages learnt together with the tuned encoder: it knows the examples, so they cannot teach them."""
    if tuning is None or not tuning.facts:
        return None
    return stage_from(tuning.facts["first"]), stage_from(tuning.facts["second"])
