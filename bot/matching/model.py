"""All that a matcher has learnt, and its file: plain arrays and JSON in one npz, no pickle.

The file may lie where others can write; a file that is damaged, of another version or of other
content is worth nothing and is learnt anew.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bot.language.identification import LanguageModel
from bot.matching.combiner import Combiner
from bot.matching.concepts import ConceptIndex
from bot.matching.corpus import Sentence
from bot.matching.danger import DangerModel, Rule, Rules
from bot.matching.decision import Thresholds
from bot.matching.linear import Linear
from bot.matching.match import Urgency
from bot.matching.semantic import Head
from bot.matching.vocabulary import Vocabulary

VERSION = 3  # raise it when training or the file's form changes


@dataclass(frozen=True, slots=True)
class Stage:
    """How one stage turns its signals into chances, danger and a decision."""

    combiner: Combiner
    danger: DangerModel
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Model:
    """A trained matcher's knowledge."""

    intents: tuple[str, ...]  # in the order of the classes; out of scope is the class after the last
    topics: tuple[str, ...]
    urgencies: tuple[Urgency, ...]
    sentences: tuple[Sentence, ...]
    index: ConceptIndex
    vocabulary: Vocabulary
    linear: Linear  # columns: intents, out of scope, danger
    rules: Rules
    languages: LanguageModel
    first: Stage
    head: Head | None = None  # columns as in `linear`
    second: Stage | None = None


def save(model: Model, key: str, file: Path) -> None:
    """Write the model so that a reader sees the old file or the whole new one."""
    arrays = _arrays(model)
    arrays["facts"] = np.frombuffer(json.dumps(_facts(model, key), ensure_ascii=False).encode(), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".matcher-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, **arrays)
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(key: str, file: Path) -> Model | None:
    """Read the model of this key; None when it is missing, damaged or another's."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            facts = json.loads(bytes(stored["facts"]))
            if facts["key"] != key or facts["version"] != VERSION:
                return None
            return _model(facts, {name: stored[name] for name in stored.files if name != "facts"})
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile):
        return None


def _arrays(model: Model) -> dict[str, Any]:
    arrays: dict[str, Any] = {
        "idf": model.vocabulary.idf,
        "linear_weights": model.linear.weights,
        "linear_bias": model.linear.bias,
        "linear_scales": model.linear.scales,
        "language_weights": model.languages.weights,
        "groups": np.array([s.group for s in model.sentences], dtype=np.int32),
        "labels": _positions([s.label for s in model.sentences], [*model.intents, "out_of_scope"]),
    }
    if model.head is not None:
        arrays |= {"head_mean": model.head.mean, "head_weights": model.head.weights, "head_bias": model.head.bias}
    return arrays


def _positions(names: list[str], all_names: list[str]) -> Any:
    places = {name: place for place, name in enumerate(all_names)}
    return np.array([places[name] for name in names], dtype=np.int16)


def _facts(model: Model, key: str) -> dict[str, Any]:
    return {
        "key": key,
        "version": VERSION,
        "intents": model.intents,
        "topics": model.topics,
        "urgencies": [urgency.value for urgency in model.urgencies],
        "texts": [s.text for s in model.sentences],
        "text_languages": [s.language for s in model.sentences],
        "whole": model.index.whole,
        "stems": model.index.stems,
        "features": list(model.vocabulary.numbers),
        "ngrams": list(model.languages.numbers),
        "languages": model.languages.languages,
        "rules": [(rule.concepts, rule.intent, rule.precision, rule.support) for rule in model.rules.by_key.values()],
        "first": stage_facts(model.first),
        "second": stage_facts(model.second) if model.second else None,
    }


def stage_facts(stage: Stage) -> dict[str, Any]:
    """Give a stage as JSON can hold it."""
    return {
        "combiner": stage.combiner.weights.tolist(),
        "danger": {
            **asdict(replace(stage.danger, weights=np.zeros(0, np.float32))),
            "weights": stage.danger.weights.tolist(),
        },
        "thresholds": asdict(stage.thresholds),
    }


def _model(facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> Model:
    classes = [*facts["intents"], "out_of_scope"]
    rows = zip(
        facts["texts"], arrays["labels"].tolist(), facts["text_languages"], arrays["groups"].tolist(), strict=True
    )
    rules = [Rule(tuple(names), intent, precision, support) for names, intent, precision, support in facts["rules"]]
    head = None
    if "head_mean" in arrays:
        head = Head(arrays["head_mean"], arrays["head_weights"], arrays["head_bias"])
    return Model(
        intents=tuple(facts["intents"]),
        topics=tuple(facts["topics"]),
        urgencies=tuple(map(Urgency, facts["urgencies"])),
        sentences=tuple(Sentence(text, classes[label], language, group) for text, label, language, group in rows),
        index=ConceptIndex(_tuples(facts["whole"]), _tuples(facts["stems"])),
        vocabulary=Vocabulary({name: number for number, name in enumerate(facts["features"])}, arrays["idf"]),
        linear=Linear(arrays["linear_weights"], arrays["linear_bias"], arrays["linear_scales"]),
        rules=Rules({rule.concepts: rule for rule in rules}),
        languages=LanguageModel(
            tuple(facts["languages"]),
            {name: number for number, name in enumerate(facts["ngrams"])},
            arrays["language_weights"],
        ),
        first=stage_from(facts["first"]),
        head=head,
        second=stage_from(facts["second"]) if facts["second"] else None,
    )


def stage_from(facts: Mapping[str, Any]) -> Stage:
    """Take a stage back from JSON."""
    danger = facts["danger"]
    return Stage(
        combiner=Combiner(np.array(facts["combiner"], dtype=np.float32)),
        danger=DangerModel(np.array(danger["weights"], np.float32), danger["bias"], danger["soft"], danger["full"]),
        thresholds=Thresholds(**facts["thresholds"]),
    )


def _tuples(lists: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(values) for key, values in lists.items()}
