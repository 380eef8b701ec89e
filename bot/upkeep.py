"""Commands for whoever runs the hotline: forgetting, dead letters, keys, moving to another database, figures to publish."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from bot import broadcasting
from bot.errors import HotlineError
from bot.hotline.ports import Store
from bot.settings import Settings

T = TypeVar("T")
Load = Callable[[], Settings]
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def add_commands(app: typer.Typer, load: Load) -> None:
    """Put the commands on the command line; `load` reads the settings."""
    _add_retention(app, load)
    _add_transfer(app, load)
    _add_backup(app, load)
    _add_needs_map(app, load)
    app.add_typer(_letters(load), name="outbox")
    app.add_typer(_keys(load), name="keys")
    app.add_typer(broadcasting.commands(load), name="broadcast")


def with_store(config: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` on the open store; a HotlineError ends the command with its words and exit code 1."""
    from bot import installation

    try:
        return asyncio.run(installation.with_store(config, work))
    except HotlineError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(1) from error


def _add_retention(app: typer.Typer, load: Load) -> None:
    @app.command()
    def purge() -> None:
        """Forget what is past its time: talks after 30 days, cases after 180. The service does it every hour too."""
        from bot import installation
        from bot.hotline.retention import Retention
        from bot.hotline.retention import purge as forget

        gone = with_store(load(), lambda store: forget(store, installation.SystemClock(), Retention()))
        for kind, count in gone.counts.items():
            out.print(f"{kind}: {count}")


def _add_needs_map(app: typer.Typer, load: Load) -> None:
    @app.command("needs-map")
    def needs_map(
        first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="Default: 26 weeks ago.")] = None,
        last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Default: yesterday.")] = None,
    ) -> None:
        """Print what people need by country, topic, urgency, language and week: CSV with HXL tags, no count under 10 people."""
        from bot.content import catalogue
        from bot.reports.needs_map import as_csv, needs

        config, today = load(), datetime.now(UTC).date()
        since = first.date() if first else today - timedelta(weeks=26)
        until = last.date() if last else today
        tallies = with_store(config, lambda store: store.read(lambda ledger: ledger.findings.tallies(since.isoformat(), until.isoformat())))
        try:
            content, _ = catalogue.load(config.content_dir, strict=False)
        except HotlineError as error:
            err.print(str(error), markup=False)
            raise typer.Exit(1) from error
        topics = {intent.id: intent.topic for intent in content.intents.values()}
        typer.echo(as_csv(needs(tallies, topics, first=since, last=until, today=today)), nl=False)


def _add_transfer(app: typer.Typer, load: Load) -> None:
    @app.command("export")
    def export(to: Annotated[str, typer.Option("--to", help="Address of an empty database, e.g. postgresql://…")]) -> None:
        """Copy this installation into another, empty database. Stop the service first; the keys stay the same."""
        _transfer(load().database, to)

    @app.command("import")
    def import_(source: Annotated[str, typer.Option("--from", help="Address of the database to copy, e.g. sqlite:////srv/hotline.db")]) -> None:
        """Copy another installation into this, still empty, database."""
        _transfer(source, load().database)


def _add_backup(app: typer.Typer, load: Load) -> None:
    @app.command()
    def backup(file: Annotated[Path, typer.Argument(help="A new file; on PostgreSQL it is pg_dump's.", dir_okay=False)]) -> None:
        """Copy the database into a file while serving. The keys are not in it: keep them elsewhere."""
        from storage.backup import backup as copy

        try:
            size = copy(load().database, file)
        except (HotlineError, OSError) as error:
            err.print(str(error), markup=False)
            raise typer.Exit(1) from error
        out.print(f"{file}: {size / 1_000_000:.1f} MB. Without the keys nobody can read it, and neither can you.")

    @app.command()
    def restore(file: Annotated[Path, typer.Argument(help="What `hotline backup` wrote.", dir_okay=False)]) -> None:
        """Bring a backup into a database that is empty or not there yet; the keys must be in their place before."""
        from storage.backup import restore as bring_back
        from storage.cipher import load_cipher

        config = load()
        if not config.keys.get_secret_value() and not (config.data_dir / "keys").exists():
            err.print("The keys are missing: put the key file back, or set HOTLINE_KEYS.")
            raise typer.Exit(1)
        try:
            count = asyncio.run(bring_back(file, config.database, load_cipher(config.keys.get_secret_value(), config.data_dir)))
        except (HotlineError, OSError) as error:
            err.print(str(error), markup=False)
            raise typer.Exit(1) from error
        out.print(f"{count} conversations are back.")


def _transfer(source: str, target: str) -> None:
    from storage.transfer import transfer

    try:
        counts = asyncio.run(transfer(source, target))
    except HotlineError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(1) from error
    out.print(f"{sum(counts.values())} rows in {len(counts)} tables.")


def _letters(load: Load) -> typer.Typer:
    letters = typer.Typer(no_args_is_help=True, help="Messages that could not be answered or delivered.")

    @letters.command("list")
    def show() -> None:
        """The dead letters: which way, since when, after how many tries, why. Never what they say."""
        dead = with_store(load(), lambda store: store.read(lambda ledger: ledger.letters.dead(200)))
        table = Table("way", "id", "channel", "since", "tries", "why")
        for letter in dead:
            table.add_row(letter.direction, str(letter.id), letter.channel, f"{letter.created:%d.%m. %H:%M}", str(letter.attempts), letter.error)
        out.print(table if dead else "There are none.")

    @letters.command()
    def retry(direction: Annotated[str, typer.Argument(help="in or out")], letter: int) -> None:
        """Try one of them once more."""
        now = datetime.now(UTC)
        done = with_store(load(), lambda store: store.transact(lambda ledger: ledger.letters.revive(direction, letter, now)))
        _say(done)

    @letters.command()
    def discard(direction: Annotated[str, typer.Argument(help="in or out")], letter: int) -> None:
        """Throw one of them away."""
        _say(with_store(load(), lambda store: store.transact(lambda ledger: ledger.letters.discard(direction, letter))))

    return letters


def _say(done: bool) -> None:
    out.print("Done." if done else "There is no such dead letter.")
    raise typer.Exit(0 if done else 1)


def _keys(load: Load) -> typer.Typer:
    keys = typer.Typer(no_args_is_help=True, help="Encryption keys.")

    @keys.command()
    def new(name: Annotated[str, typer.Argument(help="A short id, for example k2.")]) -> None:
        """Print a fresh key for HOTLINE_KEYS or the key file. Put it last, restart, put it first, restart, rotate."""
        from storage.cipher import new_key

        out.print(new_key(name), markup=False)

    @keys.command()
    def rotate() -> None:
        """Encrypt everything anew under the first key, while serving."""
        from storage.rotation import rotate as anew

        out.print(f"{with_store(load(), anew)} rows.")

    return keys
