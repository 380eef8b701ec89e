"""Leaving: quick exit in one word, and "delete my data"."""

from __future__ import annotations

from bot.dialogue.closed_answer import leaves
from bot.dialogue.effect import Effect, Erase, Subscribe
from bot.dialogue.knowledge import N_
from bot.dialogue.message import Kind, Message
from bot.dialogue.news import NO_MORE
from bot.dialogue.reply import Reply
from bot.dialogue.scene import Scene, Turn
from bot.dialogue.session import Mode, Session


def quick_exit(scene: Scene) -> Turn:
    """Delete what can be deleted and leave one line that gives nothing away. A case stays open; news ends."""
    session = scene.session
    subscribed = session.news == "yes"
    kept = Session(
        mode=Mode.EXITED, language=session.language, detected=session.detected, case=session.case, danger=session.danger,
        exit_word=session.exit_word, news="no" if subscribed else session.news,
    )  # fmt: skip
    effects: tuple[Effect, ...] = (Erase("messages"), Subscribe(False)) if subscribed else (Erase("messages"),)
    goodbye = scene.say(NO_MORE if subscribed else N_("Thank you, goodbye."))
    return Turn(kept, (Reply(goodbye, final=True),), effects, scene.match)


def asks_to_leave(message: Message, own_word: str = "") -> bool:
    """Whether a message asks for quick exit, by button, command or word; `own_word` is the caller's own, folded."""
    if message.kind is Kind.COMMAND:
        return message.command in ("exit", "stop")
    if message.kind is Kind.CHOICE:
        return message.choice == "exit"
    return leaves(message.text, own_word)


def ask_erase(scene: Scene) -> Turn:
    """One question before everything is erased."""
    text = scene.say(N_("Shall I erase this whole conversation and all that is stored about you? It cannot be undone. The copy on your phone you must delete yourself."))
    return scene.turn(Reply(text, scene.yes_no("erase"), columns=2), mode=Mode.ERASING)


def erase(scene: Scene, sure: bool) -> Turn:
    """Erase everything, or not."""
    if not sure:
        text = scene.say(N_("All right, nothing was erased."))
        return scene.turn(Reply(text, (scene.button("menu", N_("Topics")),)), mode=Mode.OPEN)
    return Turn(Session(mode=Mode.EXITED), (Reply(scene.say(N_("Done. Thank you, goodbye.")), final=True),), (Erase("everything"),), scene.match)
