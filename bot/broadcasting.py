"""Commands for news: `hotline broadcast plan`, `send`, `pause`, `cancel`, `status`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from bot.errors import HotlineError, NotFoundError, RefusedError
from bot.hotline.broadcast import BroadcastOptions, Newsroom, Shown
from bot.hotline.ports import Store
from bot.hotline.team import Staff
from bot.settings import Settings

T = TypeVar("T")
Load = Callable[[], Settings]
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

By = Annotated[str, typer.Option("--by", help="The console account, supervisor or admin, in whose name this is done.")]
Name = Annotated[str, typer.Argument(help="The broadcast's id, or its beginning.")]


def commands(load: Load) -> typer.Typer:
    """The commands; `load` reads the settings."""
    app = typer.Typer(no_args_is_help=True, help="News for callers who asked for it.")

    @app.command()
    def plan(
        file: Annotated[Path, typer.Argument(help="YAML: title, texts by language, countries (optional).", exists=True, dir_okay=False)],
        by: By,
    ) -> None:
        """Write a broadcast down and show who would get it. Nothing is sent before someone else confirms it."""
        title, texts, countries = _read(file)

        async def work(room: Newsroom, staff: Staff) -> Shown:
            drafted = await room.draft(staff, title, texts, countries)
            return await _one(room, drafted.id)

        _show([_run(load(), by, work)])

    @app.command()
    def send(broadcast: Name, by: By) -> None:
        """Confirm a broadcast that someone else wrote, or go on after a pause; the running service sends it by day."""
        _change(load(), by, broadcast, Newsroom.confirm)

    @app.command()
    def pause(broadcast: Name, by: By) -> None:
        """Stop for now; `send` goes on where it was."""
        _change(load(), by, broadcast, Newsroom.pause)

    @app.command()
    def cancel(broadcast: Name, by: By) -> None:
        """Stop for good."""
        _change(load(), by, broadcast, Newsroom.cancel)

    @app.command()
    def status(broadcast: Annotated[str, typer.Argument(help="Default: all.")] = "") -> None:
        """How far each broadcast is."""
        _show(_run(load(), "", lambda room, _staff: room.look(broadcast)))

    return app


def _run(config: Settings, by: str, work: Callable[[Newsroom, Staff], Coroutine[Any, Any, T]]) -> T:
    from bot import installation
    from bot.upkeep import with_store

    nobody = Staff("", "", frozenset(), (), "en", installation.SystemClock().now())

    async def run(store: Store) -> T:
        staff = await store.read(lambda ledger: ledger.office.staff.named(by)) if by else nobody
        if staff is None:
            raise NotFoundError(f"Nobody is called {by}: see `hotline users list`.")
        room = Newsroom(store, installation.SystemClock(), {}, lambda phrase, *_, **__: phrase, BroadcastOptions(zone=config.hours.zone))
        return await work(room, staff)

    return with_store(config, run)


def _change(config: Settings, by: str, name: str, act: Callable[[Newsroom, str, Staff], Awaitable[None]]) -> None:
    """Do one thing to a broadcast and show how it stands then."""

    async def work(room: Newsroom, staff: Staff) -> Shown:
        await act(room, (await _one(room, name)).broadcast.id, staff)
        return await _one(room, name)

    _show([_run(config, by, work)])


async def _one(room: Newsroom, name: str) -> Shown:
    found = await room.look(name)
    if len(found) != 1:
        raise NotFoundError("There is no such broadcast." if not found else "Several broadcasts begin so.")
    return found[0]


def _read(file: Path) -> tuple[str, dict[str, str], list[str]]:
    import yaml

    try:
        data = yaml.safe_load(file.read_text("utf-8"))
        texts = {str(code): str(text) for code, text in data["texts"].items()}
        return str(data["title"]), texts, [str(code) for code in data.get("countries") or ()]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError, HotlineError) as error:
        err.print(f"{file}: this needs title: …, texts: {{ru: …}} and, if you like, countries: [RU, …] ({type(error).__name__}).", markup=False)
        raise typer.Exit(2) from RefusedError(str(file))


def _show(rows: list[Shown]) -> None:
    table = Table("id", "name", "state", "languages", "countries", "all", "waiting", "sent", "shown", "left out")
    for row in rows:
        item, crowd = row.broadcast, row.crowd
        skipped = ", ".join(f"{reason} {count}" for reason, count in sorted(crowd.skipped.items()))
        total = crowd.total or sum(row.audience.values())
        numbers = (str(n) for n in (total, crowd.waiting, crowd.handed_over, crowd.shown))
        table.add_row(item.id[:8], item.title, item.state.value, " ".join(item.texts), " ".join(item.countries) or "all", *numbers, skipped)
    out.print(table if rows else "There are none.")
    for row in rows:
        for (language, stay), count in sorted(row.audience.items()):
            out.print(f"{row.broadcast.id[:8]}  {language or '?'}  {stay or '?'}  {count}")
