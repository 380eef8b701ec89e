"""How well messages are understood: figures per language and style, what each part is worth, speed and memory.

    python -m bench.understanding                 the figures, on tests/questions
    python -m bench.understanding --ablation      what each part is worth (retrains: some minutes)
    python -m bench.understanding --speed         ratios to rapidfuzz, growth with content, memory
    python -m bench.understanding --misses FILE   every miss, to read (of a development set, never of a test)

`--questions DIR` names other questions (LANG.tsv: intent, style, text), `--content DIR` other content.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bot.content import catalogue
from bot.matching.evaluation import ALL, FIGURES, Evaluation, Question, evaluate, read_questions
from bot.matching.features import Blocks
from bot.matching.lesson import Lesson
from bot.matching.match import Urgency
from bot.matching.matcher import Matcher
from bot.matching.training import Options

ROOT = Path(__file__).parent.parent
CACHE = ROOT / "data" / "bench"


def load_lesson(content: str) -> Lesson:
    """Load the content of a directory in the form of intents/."""
    loaded, _ = catalogue.load(Path(content), strict=False)
    return catalogue.lesson(loaded)


def load_questions(folder: Path) -> list[Question]:
    """Read every language's questions."""
    files = sorted(folder.glob("*.tsv"))
    return [question for file in files for question in read_questions(file.read_text("utf-8"), file.stem)]


def urgencies(lesson: Lesson) -> Mapping[str, Urgency]:
    """Map every intent to its urgency."""
    return {intent.id: intent.urgency for intent in lesson.intents}


def cell(evaluation: Evaluation, figure: str, language: str = ALL, style: str = ALL) -> str:
    """Write a figure with its interval, in per cent."""
    share = evaluation.share(figure, language, style)
    if not share.total:
        return "-"
    low, high = share.interval
    return f"{share.rate * 100:.1f} ({low * 100:.0f}-{high * 100:.0f})"


def print_figures(evaluation: Evaluation) -> None:
    """Print the figures by language, then by style."""
    rows = [(language, ALL) for language in evaluation.languages] + [(ALL, style) for style in evaluation.styles[:-1]]
    print(f"| {'':10} | " + " | ".join(f"{figure:16}" for figure in FIGURES) + " | questions |")
    print("|---" * (len(FIGURES) + 2) + "|")
    for language, style in rows:
        name = language if style == ALL else style
        asked = sum(
            (language in {ALL, o.question.language}) and (style in {ALL, o.question.style}) for o in evaluation.outcomes
        )
        cells = " | ".join(f"{cell(evaluation, figure, language, style):16}" for figure in FIGURES)
        print(f"| {name:10} | {cells} | {asked} |")


def print_ablation(lesson: Lesson, questions: list[Question]) -> None:
    """Retrain without one part at a time."""
    plain = Options()
    nowhere = Path("/nonexistent")
    variants: dict[str, dict[str, object]] = {
        "everything": {},
        "without our tuning of e5": {"weights": nowhere},
        "without meaning (first stage alone)": {"semantic": False},
        "first stage, without concept pairs": {"semantic": False, "options": replace(plain, blocks=Blocks(concept_pairs=False))},
        "first stage, without concepts": {"semantic": False, "options": replace(plain, blocks=Blocks(concepts=False))},
        "first stage, n-grams alone": {"semantic": False, "options": replace(plain, blocks=Blocks(words=False, pairs=False, concepts=False))},
        "first stage, without Naive Bayes": {"semantic": False, "options": replace(plain, bayes=0.0)},
        "first stage, one variant a template": {"semantic": False, "options": replace(plain, variants=1)},
    }  # fmt: skip
    print("| variant | " + " | ".join(FIGURES) + " |\n" + "|---" * (len(FIGURES) + 1) + "|")
    for name, arguments in variants.items():
        matcher = Matcher.train(lesson, cache=CACHE, **arguments)  # type: ignore[arg-type]
        result = evaluate(matcher, questions, urgencies(lesson))
        print(f"| {name} | " + " | ".join(f"{result.share(f).rate * 100:.1f}" for f in FIGURES) + " |", flush=True)
    for language in sorted({question.language for question in questions}):
        alone = Lesson(
            tuple(replace(i, examples={language: i.examples.get(language, ())}) for i in lesson.intents),
            lesson.words,
            {language: lesson.out_of_scope.get(language, ())},
        )
        own = [question for question in questions if question.language == language]
        result = evaluate(Matcher.train(alone, semantic=False), own, urgencies(lesson))
        print(
            f"| first stage, {language} learnt alone | "
            + " | ".join(f"{result.share(f).rate * 100:.1f}" for f in FIGURES)
            + " |"
        )


def print_speed(lesson: Lesson, questions: list[Question]) -> None:
    """Time both stages against rapidfuzz over the same phrases, and the first as content grows: processor time."""
    from rapidfuzz import fuzz, process

    texts = [question.text for question in questions[:: max(1, len(questions) // 200)]]
    start = time.process_time()
    matcher = Matcher.train(lesson, cache=CACHE)
    print(f"start with the stored matcher: {time.process_time() - start:.1f} s; resident {resident():.0f} MB")
    first = Matcher(matcher.model, None)
    phrases = [sentence.text for sentence in matcher.model.sentences]
    full, both = milliseconds(first.match, texts), milliseconds(matcher.match, texts)
    print(f"{len(phrases)} phrases: first stage {full:.2f} ms, with meaning {both:.1f} ms")
    for scorer in (fuzz.WRatio, fuzz.token_set_ratio):
        peer = milliseconds(partial(process.extractOne, choices=phrases, scorer=scorer), texts[::5])
        print(
            f"rapidfuzz.process.extractOne {scorer.__name__} {peer:.1f} ms: the first stage takes 1/{peer / full:.0f}"
        )
    print("\n| phrases | first stage | so many times as long as with the fewest |\n|---|---|---|")
    least = 0.0
    for every in (10, 5, 2, 1):
        part = Matcher.train(thinned(lesson, every), semantic=False) if every > 1 else first
        spent = milliseconds(part.match, texts)
        least = least or spent
        print(f"| {len(part.model.sentences)} | {spent:.2f} ms | {spent / least:.2f} |")


def thinned(lesson: Lesson, every: int) -> Lesson:
    """Keep every so many examples."""
    return replace(
        lesson,
        intents=tuple(
            replace(i, examples={language: examples[::every] for language, examples in i.examples.items()})
            for i in lesson.intents
        ),
    )


def milliseconds(ask: Callable[[str], object], texts: list[str]) -> float:
    """Give the processor time of one call, in milliseconds, over `texts`."""
    ask(texts[0])
    start = time.process_time()
    for text in texts:
        ask(text)
    return (time.process_time() - start) / len(texts) * 1000


def resident() -> float:
    """Give the process's memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def write_misses(evaluation: Evaluation, file: Path) -> None:
    """Write every question that went wrong, for the error table by cause."""
    with file.open("w", encoding="utf-8") as stream:
        for outcome in evaluation.outcomes:
            bad = [f for f, hit in outcome.figures.items() if hit is not FIGURES[f]]
            if bad:
                question, match = outcome.question, outcome.match
                best = " ".join(f"{c.intent}:{c.score:.2f}" for c in match.candidates[:4])
                danger = f"{match.danger.intent}:{match.danger.score:.2f}"
                row = [question.language, question.style, question.intent, ",".join(bad), best, danger, question.text]
                stream.write("\t".join(row) + "\n")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", default=str(ROOT / "intents"))
    parser.add_argument("--questions", type=Path, default=ROOT / "tests" / "questions")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--misses", type=Path)
    arguments = parser.parse_args()
    lesson, questions = load_lesson(arguments.content), load_questions(arguments.questions)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, {len(questions)} questions, {len(lesson.intents)} intents\n"
    )
    if arguments.ablation:
        print_ablation(lesson, questions)
    elif arguments.speed:
        print_speed(lesson, questions)
    else:
        start = time.perf_counter()
        matcher = Matcher.train(lesson, cache=CACHE)
        print(f"ready in {time.perf_counter() - start:.1f} s\n")
        result = evaluate(matcher, questions, urgencies(lesson))
        print_figures(result)
        if arguments.misses:
            write_misses(result, arguments.misses)


if __name__ == "__main__":
    main()
