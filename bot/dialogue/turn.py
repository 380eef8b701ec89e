"""The one entry of the dialogue: a session and a message in, a session, replies and effects out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.dialogue import command, danger, handover, menu, news, parting, question, safety
from bot.dialogue.closed_answer import closed_answer, number
from bot.dialogue.context import Context
from bot.dialogue.effect import Effect
from bot.dialogue.knowledge import N_, Knowledge
from bot.dialogue.message import Kind, Message
from bot.dialogue.scene import Scene, Turn
from bot.dialogue.session import Mode, Session
from bot.matching.match import Match

Understand = Callable[[str, str, str], Match]  # text, previous intent, language hint

__all__ = ["Turn", "Understand", "take_turn"]

_FILES = (Kind.PHOTO, Kind.VIDEO, Kind.DOCUMENT)
_TOGETHER = 60.0  # seconds between two files that belong together, over a slow network


@dataclass(frozen=True, slots=True)
class _Pressed:
    """A button, pressed or picked by its number, or by yes or no where the last question has two such buttons."""

    id: str


def take_turn(
    session: Session, message: Message, understand: Understand, knowledge: Knowledge, context: Context
) -> Turn:
    """Decide what one message leads to.

    Never raises for anything a caller can send. `understand` is called at most once, for texts.
    """
    if message.kind in (Kind.LEFT, Kind.REACTION):
        return Turn(session)
    goes_with_last = _goes_with_last(session, message)
    file_at = message.sent_at.timestamp() if message.kind in _FILES else 0.0
    scene = Scene(session.change(file_at=file_at), message, knowledge, context)
    text = message.text.strip()
    if parting.asks_to_leave(message, session.exit_word):
        return parting.quick_exit(scene)
    if session.case == "operator":
        return _mute(scene, text, understand)
    if context.backlog:
        return _after_backlog(scene, text, understand)
    if message.kind is Kind.COMMAND:
        return command.obey(scene)
    pressed = _pressed(scene, text)
    if pressed is not None:
        return _press(scene, pressed.id)
    if not text:
        return scene.turn(keep_offered=True) if goes_with_last else menu.without_words(scene)
    if not _has_word(text) and session.mode is Mode.NEW:
        return menu.welcome(scene)
    closed = question.closed_reply(scene, text) or news.typed_reply(scene, text)
    if closed is not None:
        return closed
    match = understand(text, session.last_intent, session.language or message.language_hint)
    return _asked_for(scene, text, match) or question.ask(scene.heard(match), match)


def _goes_with_last(session: Session, message: Message) -> bool:
    """An album comes as one message for each file, and people send papers page by page: one answer serves all of them."""
    if message.kind not in _FILES or not session.file_at:
        return False
    return abs(message.sent_at.timestamp() - session.file_at) <= _TOGETHER


def _asked_for(scene: Scene, text: str, match: Match) -> Turn | None:
    """The word, the safe time or the country that was asked for; None when it is something else, or danger."""
    session = scene.session
    if match.danger and not match.danger.soft:
        return None
    if session.mode is Mode.SAFE_TIME:
        return handover.note_safe_time(scene, text)
    if session.mode in (Mode.EXIT_WORD, Mode.CHECK_WORD) and (turn := safety.note_word(scene, text)):
        return turn
    wanted = session.mode is Mode.STAY or any(button.startswith("stay:") for button in session.offered)
    if wanted and (country := scene.knowledge.country(text)):
        return question.with_place(scene, country)
    return None


def _mute(scene: Scene, text: str, understand: Understand) -> Turn:
    """A person has the conversation: the bot only listens, and raises the alarm when it hears danger."""
    if scene.message.kind is Kind.COMMAND and scene.message.command == "delete":
        return parting.ask_erase(scene)
    if scene.message.kind is Kind.CHOICE and scene.message.choice in ("erase:yes", "erase:no"):
        return _press(scene, scene.message.choice)
    if not text or scene.message.kind is Kind.COMMAND:
        return scene.turn()
    match = understand(text, scene.session.last_intent, scene.session.language)
    effects: tuple[Effect, ...] = danger.raised(match)
    return scene.heard(match).turn(effects=effects, keep_offered=True)


def _after_backlog(scene: Scene, text: str, understand: Understand) -> Turn:
    """The message waited too long: say sorry once, but danger is never passed over."""
    match = understand(text, "", scene.session.language) if text else None
    if match is not None:
        scene = scene.heard(match)
        if match.danger:
            return danger.answer(scene, match.danger)
    sorry = scene.say(N_("Sorry, your message reached us late. Is your question still open? Please write it once more, or choose below."))
    return menu.topics(scene, lead=sorry)


def _pressed(scene: Scene, text: str) -> _Pressed | None:
    if scene.message.kind is Kind.CHOICE:
        return _Pressed(scene.message.choice)
    offered = scene.session.offered
    position = number(text)
    if 1 <= position <= len(offered):
        return _Pressed(offered[position - 1])
    asked = next((button.removesuffix("yes") for button in offered if button.endswith(":yes")), "")
    said = closed_answer(text) if asked else None
    return _Pressed(asked + said.value) if said else None


def _press(scene: Scene, button: str) -> Turn:
    """Act on a button. Buttons of long ago still work; a forged one gets the menu."""
    kind, _, value = button.partition(":")
    known = scene.knowledge.intents()
    actions: dict[str, Callable[[], Turn]] = {
        "menu": lambda: menu.topics(scene),
        "languages": lambda: menu.languages(scene),
        "lang": lambda: menu.choose_language(scene, value),
        "t": lambda: menu.topic(scene, value),
        "i": lambda: question.answer(scene, value) if value in known else menu.topics(scene),
        "none": lambda: question.none_of_these(scene),
        "stay": lambda: question.with_place(scene, value),
        "cit": lambda: question.with_citizenship(scene, value),
        "helped": lambda: question.helped(scene, value),
        "nohelp": lambda: question.did_not_help(scene, value),
        "operator": lambda: handover.ask(scene, "asked"),
        "numbers": lambda: handover.numbers(scene),
        "danger": lambda: danger.confirm(scene, value == "yes"),
        "safe": lambda: danger.safe_to_write(scene, value == "yes"),
        "read": lambda: danger.read_by_person(scene, value == "yes"),
        "time": lambda: handover.ask_safe_time(scene),
        "settings": lambda: safety.settings(scene),
        "word": lambda: safety.ask_word(scene, value),
        "closed": lambda: danger.safe_to_write(scene, safe=False) if value == "on" else safety.write_freely(scene),
        "ask": lambda: safety.note_answer(scene, value.partition(":")[0], value.endswith(":yes")),
        "erase": lambda: parting.erase(scene, value == "yes"),
        "news": lambda: news.decide(scene, value == "yes"),
        "show": lambda: news.show(scene, value),
        "rate": lambda: handover.rate(scene, value == "yes"),
    }
    act = actions.get(kind)
    return act() if act else menu.topics(scene)


def _has_word(text: str) -> bool:
    return any(char.isalpha() for char in text)

