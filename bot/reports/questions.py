"""`hotline test`: held-out questions, their figures as tables, the baseline, and the ban on leaked examples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from rich.console import Console
from rich.table import Table

from bot.content.schema import Content
from bot.errors import HotlineError
from bot.language.folding import fold
from bot.matching.evaluation import ALL, FIGURES, Evaluation, Question, Share, read_questions

BASELINE = "baseline.json"
_NEAR = 0.10  # of the length: nearer than that a question is an example in disguise
_TITLES = {
    "right": "right first", "held": "right or offered", "wrong": "wrongly answered", "danger": "danger seen",
    "false_alarm": "false alarms", "scope": "out of scope answered", "language": "language",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leak:
    """A question that is nearly an example."""

    question: Question
    example: str
    distance: int


def load(directory: Path) -> list[Question]:
    """All questions: <language>.tsv with intent, style, text. Raises HotlineError when there are none."""
    questions = [q for path in sorted(directory.glob("*.tsv")) for q in read_questions(path.read_text("utf-8"), path.stem)]
    if not questions:
        raise HotlineError(f"No questions were found in {directory}. Expected files such as ru.tsv.")
    return questions


def leaks(questions: Sequence[Question], content: Content, limit: int = 20) -> list[Leak]:
    """Questions of three words or more within a small edit distance of an example of their language."""
    found: list[Leak] = []
    for language in sorted({q.language for q in questions}):
        asked = [q for q in questions if q.language == language and len(q.text.split()) > 2]
        examples = [e for intent in content.intents.values() for e in intent.examples.get(language, ())]
        folded = [fold(example) for example in examples]
        texts = [fold(q.text) for q in asked]
        if not folded or not texts:
            continue
        nearest = cdist(texts, folded, scorer=Levenshtein.normalized_distance, workers=1)
        for row, question in enumerate(asked):
            best = int(nearest[row].argmin())
            if nearest[row][best] < _NEAR:
                found.append(Leak(question, examples[best], Levenshtein.distance(texts[row], folded[best])))
    return found[:limit]


def tables(evaluation: Evaluation) -> list[Table]:
    """One table by language and one by style."""
    by_language = _table("by language", evaluation, [(name, name, ALL) for name in evaluation.languages])
    by_style = _table("by style", evaluation, [(name, ALL, name) for name in evaluation.styles])
    return [by_language, by_style]


def _table(title: str, evaluation: Evaluation, rows: Sequence[tuple[str, str, str]]) -> Table:
    table = Table("", *(_TITLES[figure] for figure in FIGURES), title=title)
    for name, language, style in rows:
        table.add_row(name, *(_cell(evaluation.share(figure, language, style)) for figure in FIGURES))
    return table


def _cell(share: Share) -> str:
    if not share.total:
        return "-"
    low, high = share.interval
    return f"{share.rate:.1%}\n{low:.0%}-{high:.0%} n={share.total}"


def show_misses(evaluation: Evaluation, number: int, out: Console) -> None:
    """Print the first misses of each language: what was asked, meant and understood."""
    shown: dict[str, int] = {}
    for outcome in evaluation.outcomes:
        question, match = outcome.question, outcome.match
        missed = [name for name, hit in outcome.figures.items() if hit != FIGURES[name]]
        if missed and shown.get(question.language, 0) < number:
            shown[question.language] = shown.get(question.language, 0) + 1
            first = match.candidates[0].intent if match.candidates else "-"
            out.print(f"{question.language} {question.intent} → {first} ({match.action.value}) {missed}: {question.text}", markup=False)


def read_baseline(directory: Path) -> Mapping[str, Mapping[str, Sequence[int]]]:
    """The recorded counts; empty when there are none yet."""
    path = directory / BASELINE
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def record(directory: Path, evaluation: Evaluation) -> Path:
    """Write the counts down as the new baseline."""
    path = directory / BASELINE
    path.write_text(json.dumps(evaluation.baseline(), indent=1, sort_keys=True) + "\n", "utf-8")
    return path
