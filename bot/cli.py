"""The command `hotline`: reads arguments and prints; the work is done elsewhere.

Exit codes: 0 all is well, 1 problems were found, 2 the command was used wrongly.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from bot import log, settings, upkeep
from bot.errors import HotlineError
from bot.hotline.team import Role

if TYPE_CHECKING:  # argon2 and the like are loaded only when a command needs them
    from bot.hotline.staff import Accounts

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="A safe-migration hotline in messengers.")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ContentOption = Annotated[Path | None, typer.Option("--content", help="A directory in the form of intents/.")]


def _settings() -> settings.Settings:
    try:
        loaded = settings.load()
    except HotlineError as error:
        err.print(f"Settings: {error}")
        raise typer.Exit(2) from error
    log.configure(loaded.log_level, json=loaded.log_json)
    return loaded


upkeep.add_commands(app, _settings)


def _fail(error: HotlineError) -> typer.Exit:
    err.print(str(error), markup=False)
    return typer.Exit(1)


@app.command()
def serve(
    workers: Annotated[bool, typer.Option(help="Also answer and send; off when `hotline worker` does.")] = True,
    migrate_first: Annotated[bool, typer.Option("--migrate", help="Bring the database up to date first.")] = False,
) -> None:
    """Serve web chat, console and webhooks, and answer messages."""
    from bot import bootstrap, installation

    config = _settings()
    try:
        if migrate_first:
            installation.migrate(config)
        bootstrap.serve(config, workers=workers)
    except HotlineError as error:
        raise _fail(error) from error


@app.command()
def worker() -> None:
    """Answer and send messages only; any number of these may run beside `hotline serve --no-workers`."""
    from bot import bootstrap

    try:
        asyncio.run(bootstrap.work(_settings()))
    except HotlineError as error:
        raise _fail(error) from error


@app.command()
def migrate() -> None:
    """Create the database or bring it up to date. Safe to run twice and while serving."""
    from bot import installation

    try:
        out.print(installation.migrate(_settings()))
    except HotlineError as error:
        raise _fail(error) from error


@app.command()
def train(content: ContentOption = None) -> None:
    """Train the matcher on the content and keep the model, so that the next start is fast."""
    from bot import bootstrap

    config = _settings()
    try:
        edition = bootstrap.edition(config, content or config.content_dir)
    except HotlineError as error:
        raise _fail(error) from error
    out.print(f"Trained on {len(edition.handbook.content.intents)} intents (revision {edition.revision}).")


@app.command()
def check(directory: Annotated[Path | None, typer.Argument(help="Default: the content directory.")] = None) -> None:
    """Check the content and the phrase catalogues: every problem with its file, line, column and remedy."""
    from bot.content.inspection import inspect
    from bot.content.phrasebook import catalogue_problems

    path = directory or _settings().content_dir
    content, problems = inspect(path, datetime.now(UTC).date())
    if directory is None:
        problems += catalogue_problems(_settings().locales_dir)
    for problem in problems:
        out.print(str(problem), markup=False)
    errors = sum(problem.severity == "error" for problem in problems)
    count = len(content.intents) if content else 0
    out.print(f"{count} intents, {errors} errors, {len(problems) - errors} warnings.")
    raise typer.Exit(1 if errors else 0)


@app.command()
def chat() -> None:
    """Talk with the bot here in the terminal. Nothing is stored."""
    from bot import bootstrap
    from bot.channels.terminal import talk

    prompt = "> " if sys.stdin.isatty() else ""

    def lines() -> object:
        while True:
            try:
                yield input(prompt)
            except EOFError:
                return

    try:
        talk(bootstrap.respond_without_storage(_settings()), lines(), lambda text: out.print(text, markup=False))  # type: ignore[arg-type]
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except HotlineError as error:
        raise _fail(error) from error


@app.command()
def explain(
    text: Annotated[str, typer.Argument(help="A message as a caller would write it.")],
    previous: Annotated[str, typer.Option(help="The intent answered before, as context.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As data.")] = False,
    content: ContentOption = None,
) -> None:
    """Show how a message is understood, and why."""
    from bot import bootstrap
    from bot.reports.explanation import as_data, as_text

    config = _settings()
    try:
        edition = bootstrap.edition(config, content or config.content_dir, strict=content is None)
    except HotlineError as error:
        raise _fail(error) from error
    match = edition.matcher.match(text, previous=previous or None)
    explanation = edition.matcher.explain(match)
    out.print(json.dumps(as_data(explanation), ensure_ascii=False, indent=2) if as_json else as_text(explanation), markup=False)


@app.command()
def classify(
    file: Annotated[Path | None, typer.Argument(help="JSON Lines; standard input when left out.")] = None,
    content: ContentOption = None,
) -> None:
    """Classify JSON Lines {"id", "text"}; writes one line each, in order."""
    from bot import bootstrap
    from bot.reports.classification import classify_line

    config = _settings()
    try:
        edition = bootstrap.edition(config, content or config.content_dir, strict=content is None)
        stream = file.open("rb") if file else sys.stdin.buffer
    except HotlineError as error:
        raise _fail(error) from error
    except OSError as error:
        err.print(f"{file}: {error.strerror}")
        raise typer.Exit(2) from error
    wrong = 0
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            sys.stdout.write(classify_line(edition.matcher, line) + "\n")
        except ValueError as error:
            wrong += 1
            err.print(f"line {number}: {error}", markup=False)
    sys.stdout.flush()
    raise typer.Exit(1 if wrong else 0)


@app.command("test")
def ask_questions(
    questions: Annotated[Path | None, typer.Option(help="A directory of <language>.tsv: intent, style, text.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Write the figures down as the new baseline.")] = False,
    misses: Annotated[int, typer.Option(help="Show so many misses of each language.")] = 0,
    content: ContentOption = None,
) -> None:
    """Ask the held-out questions; fails when a language or the danger recall fell below the baseline."""
    from bot import bootstrap
    from bot.matching.evaluation import compare, evaluate
    from bot.reports import questions as report

    config = _settings()
    directory = questions or config.content_dir.parent / "tests" / "questions"
    try:
        asked = report.load(directory)
        edition = bootstrap.edition(config, content or config.content_dir)
    except HotlineError as error:
        raise _fail(error) from error
    known = edition.handbook.content
    result = evaluate(edition.matcher, asked, {intent.id: intent.urgency for intent in known.intents.values()})
    for table in report.tables(result):
        out.print(table)
    report.show_misses(result, misses, out)
    leaked = report.leaks(asked, known)
    for leak in leaked:
        out.print(f"leaked: {leak.question.language} “{leak.question.text}” is nearly the example “{leak.example}”", markup=False)
    if record:
        out.print(f"Recorded in {report.record(directory, result)}.")
        raise typer.Exit(1 if leaked else 0)
    fallen = compare(result, report.read_baseline(directory))
    for regression in fallen:
        out.print(f"fell: {regression}", markup=False)
    out.print("The gate holds." if not fallen and not leaked else "The gate is closed: look at the lines above.")
    raise typer.Exit(1 if fallen or leaked else 0)


@app.command()
def locales() -> None:
    """Bring the phrase catalogues up to date with the code (for `make locales`)."""
    from bot.content.translation import refresh

    config = _settings()
    try:
        missing = refresh(Path(__file__).parent, config.locales_dir)
    except HotlineError as error:
        raise _fail(error) from error
    for line in missing:
        out.print(f"no translation: {line}", markup=False)
    raise typer.Exit(1 if missing else 0)


@app.command("new-language")
def new_language(
    code: Annotated[str, typer.Argument(help="For example tk.")],
    name: Annotated[str, typer.Option(help="As its speakers call it, for example Türkmençe.")] = "",
) -> None:
    """Prepare files and phrases for a further language; callers are not offered it until it is ready."""
    from bot.content.new_language import prepare

    config = _settings()
    try:
        paths = prepare(code, name or code, config.content_dir, config.locales_dir)
    except HotlineError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(2) from error
    out.print(f"{len(paths)} files are prepared. Fill in “{code}:”, then set “ready: true” in {paths[0].name}.")


users_app = typer.Typer(no_args_is_help=True, help="Who may use the console: add, list, reset, disable, enable.")
app.add_typer(users_app, name="users")
audit_app = typer.Typer(no_args_is_help=True, help="The log of who opened and did what in the console.")
app.add_typer(audit_app, name="audit")

NameArgument = Annotated[str, typer.Argument(help="The name to log in with.")]


def _users(work: Callable[[Accounts], Awaitable[T]]) -> T:
    from bot import installation

    config = _settings()
    try:
        return asyncio.run(installation.with_accounts(config, work))
    except HotlineError as error:
        raise _fail(error) from error


def _print_link(name: str, token: str) -> None:
    from bot import installation

    out.print(f"{name} sets a password here (works once, for 24 hours):", markup=False)
    out.print(f"{installation.base_address(_settings())}/console/welcome/{token}", markup=False)


@users_app.command("add")
def add_user(
    name: NameArgument,
    role: Annotated[list[Role], typer.Option(help="May be given several times.")],
    language: Annotated[list[str] | None, typer.Option(help="Spoken with callers: ru, kk, ky, tg, uz. Several times.")] = None,
    console: Annotated[str, typer.Option(help="Language of the console: ru, kk, ky, tg, uz, en.")] = "ru",
) -> None:
    """Make an account and print the link with which its owner sets a password."""
    _, token = _users(lambda accounts: accounts.add(name, role, language or [], console))
    _print_link(name, token)


@users_app.command("list")
def list_users() -> None:
    """Every account."""
    table = Table("Name", "Roles", "Languages", "Second step", "State")
    for user in _users(lambda accounts: accounts.all()):
        state = "disabled" if user.disabled else "active" if user.password else "invited"
        table.add_row(user.name, " ".join(sorted(user.roles)), " ".join(user.languages), "yes" if user.totp else "no", state)
    out.print(table)


@users_app.command("reset")
def reset_user(name: NameArgument) -> None:
    """Take password and second step away and print a link to set them anew."""

    async def work(accounts: Accounts) -> str:
        return await accounts.reset((await accounts.named(name)).id)

    _print_link(name, _users(work))


@users_app.command("disable")
def disable_user(name: NameArgument) -> None:
    """Close an account and log it out everywhere."""
    _users(lambda accounts: _set_disabled(accounts, name, True))


@users_app.command("enable")
def enable_user(name: NameArgument) -> None:
    """Open a closed account again."""
    _users(lambda accounts: _set_disabled(accounts, name, False))


async def _set_disabled(accounts: Accounts, name: str, disabled: bool) -> None:
    await accounts.disable((await accounts.named(name)).id, disabled)


@audit_app.command("verify")
def verify_audit() -> None:
    """Check that no entry was changed, added or taken out."""
    from bot import installation

    try:
        count, broken = asyncio.run(installation.verify_audit(_settings()))
    except HotlineError as error:
        raise _fail(error) from error
    out.print(broken or f"{count} entries, the chain is whole.", markup=False)
    raise typer.Exit(1 if broken else 0)


@app.command("settings")
def show_settings() -> None:
    """Every setting with its default and meaning."""
    table = Table("Variable", "Default", "Meaning")
    for row in settings.table():
        table.add_row(*row)
    out.print(table)
