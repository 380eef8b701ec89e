"""The bot in a terminal: the same dialogue, no database, nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from bot.channels.markup import to_plain
from bot.dialogue.message import Kind, Message
from bot.dialogue.reply import Reply
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn

Respond = Callable[[Session, Message], Turn]


def read_message(line: str) -> Message:
    """A typed line as a message: /word is a command."""
    text = line.strip()
    now = datetime.now(UTC)
    if text.startswith("/") and text[1:2].isalpha():
        command, _, rest = text[1:].partition(" ")
        return Message(Kind.COMMAND, now, text=rest, command=command.lower())
    return Message(Kind.TEXT, now, text=text)


def show(reply: Reply) -> str:
    """A reply as plain text, its buttons as numbers to type."""
    lines = [to_plain(reply.text)]
    lines += [f"  {number}. {button.title}" for number, button in enumerate(reply.buttons, start=1)]
    return "\n".join(lines)


def talk(respond: Respond, lines: Iterator[str], write: Callable[[str], None]) -> None:
    """Hold a talk until the input ends. Effects are named in brackets, since nothing is stored here."""
    session = Session()
    for line in lines:
        turn = respond(session, read_message(line))
        session = turn.session
        for reply in turn.replies:
            write(show(reply) + "\n")
        for effect in turn.effects:
            write(f"[{type(effect).__name__}]\n")
