"""One turn's surroundings, bundled so that the dialogue's parts share one shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from bot.dialogue.context import Context
from bot.dialogue.effect import Effect
from bot.dialogue.knowledge import N_, Knowledge
from bot.dialogue.message import Message
from bot.dialogue.reply import Button, Reply
from bot.dialogue.session import Mode, Session
from bot.matching.match import Match

A_PERSON = "talk_to_operator"  # the intent that says in words what the button "A person" does
_MIN_LANGUAGE_SURENESS = 0.6  # below this a short text does not change the language of the answer
_MIN_WORDS_TO_CHANGE = 3  # "рахмет" or a name amid Russian is no change of language


@dataclass(frozen=True, slots=True)
class Turn:
    """What one message led to."""

    session: Session
    replies: tuple[Reply, ...] = ()
    effects: tuple[Effect, ...] = ()
    match: Match | None = None  # what was understood, for the transcript and the operator


@dataclass(frozen=True, slots=True)
class Scene:
    """Session, message, content and moment of one turn."""

    session: Session
    message: Message
    knowledge: Knowledge
    context: Context
    match: Match | None = None

    @property
    def language(self) -> str:
        """The language of the answer: chosen, else detected, else the phone's, else Russian."""
        session = self.session
        hint = self.message.language_hint[:2].lower()
        return session.language or session.detected or (hint if hint in self.knowledge.languages() else "ru")

    def heard(self, match: Match) -> Scene:
        """The scene after a text was understood: remembers the language it was written in."""
        session = self.session
        detected = match.language if match.language_scores.get(match.language, 0) >= _MIN_LANGUAGE_SURENESS else ""
        if detected == "uz" and match.script == "Cyrl":
            detected = "uz_Cyrl"
        if detected and not (session.detected and len(match.folded.split()) < _MIN_WORDS_TO_CHANGE):
            session = session.change(detected=detected)
        return dataclasses.replace(self, session=session, match=match)

    def change(self, **fields: object) -> Scene:
        """The scene with some fields of the session replaced."""
        return dataclasses.replace(self, session=self.session.change(**fields))

    def say(self, phrase: str, /, **values: object) -> str:
        """One of the bot's own phrases in the caller's language."""
        return self.knowledge.say(phrase, self.language, **values)

    def button(self, button_id: str, phrase: str) -> Button:
        """A button with one of the bot's own phrases as title."""
        return Button(button_id, self.say(phrase))

    def intent_button(self, intent: str) -> Button:
        """A button that asks for an intent's answer."""
        return Button(f"i:{intent}", self.knowledge.title(intent, self.language))

    def intent_buttons(self, intents: Iterable[str]) -> list[Button]:
        """The same for several, where "A person" stands below: the intent that only repeats it is left out."""
        return [self.intent_button(intent) for intent in intents if intent != A_PERSON]

    def yes_no(self, question: str) -> tuple[Button, Button]:
        """Two buttons; typing 1 or 2, yes or no, does the same."""
        return self.button(f"{question}:yes", N_("Yes")), self.button(f"{question}:no", N_("No"))

    def turn(
        self, *replies: Reply, effects: tuple[Effect, ...] = (), keep_offered: bool = False, **fields: object
    ) -> Turn:
        """Close the turn: remembers which buttons the last reply offered, so that numbers work."""
        session = self.session.change(**fields)
        if not keep_offered:
            offered = tuple(b.id for b in replies[-1].buttons if not b.url) if replies else ()
            session = session.change(offered=offered)
        if session.mode is Mode.NEW and replies:
            session = session.change(mode=Mode.OPEN)
        return Turn(session, replies, effects, self.match)
