"""Targets that understand and answer: the dialogue with the real handbook, the matcher, the channels' markup."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

from bench.fuzz.door import NOW
from bench.fuzz.hostile import Hostile, check
from bot.channels import telegram_payload, whatsapp_payload
from bot.channels.markup import to_plain, to_telegram, to_web, to_whatsapp
from bot.content import catalogue
from bot.content.handbook import Handbook
from bot.content.phrasebook import Phrasebook
from bot.dialogue.context import Context, Desk
from bot.dialogue.effect import Feedback, Note, OpenCase
from bot.dialogue.message import Kind, Message
from bot.dialogue.reply import Reply
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn, take_turn
from bot.matching.match import Action, Candidate, Danger, DangerSignal, Match, Urgency
from bot.matching.matcher import Matcher

ROOT = Path(__file__).parents[2]
_WEB_TAG = re.compile(r"</?(?:p|strong|em)>|<br>|<a href=\"(?:https?://|tel:|mailto:)[^\"<>]*\"(?: target=\"_blank\" rel=\"noopener noreferrer\")?>|</a>")
_TELEGRAM_TAG = re.compile(r"</?[bi]>|<a href=\"(?:https?://|mailto:)[^\"<>]*\">|</a>")


def check_markup(text: str) -> None:
    """No form of a text holds a mark that is not ours."""
    for made, known in ((to_web(text), _WEB_TAG), (to_telegram(text), _TELEGRAM_TAG)):
        rest = known.sub("", made)
        check("<" not in rest and (">" not in rest or "&gt;" in made), "markup leaked")
    to_plain(text)
    to_whatsapp(text)


def check_reply(reply: Reply) -> None:
    """Every channel can carry it, as the platforms read it."""
    from tests.fakes.telegram_html import parse, units
    from tests.fakes.whatsapp_server import fault_of

    check_markup(reply.text)
    for sent in telegram_payload.payloads(reply):
        check(0 < units(parse(sent["text"])[0]) <= 4096, "Telegram would refuse it")
        json.dumps(sent).encode()
    for body in whatsapp_payload.payloads(reply):
        check(fault_of(dict(body)) == "", f"WhatsApp would refuse it: {fault_of(dict(body))}")


class MarkupTarget:
    """Hostile texts as replies, as when an operator or an editor pastes them."""

    async def __call__(self, hostile: Hostile) -> None:
        """One text."""
        words = hostile.text(9000)
        check_markup(words)
        if words.strip():
            check_reply(Reply(words))


class DialogueTarget:
    """Talks with the real handbook; the matcher's word is made up, so that every branch is reached."""

    def __init__(self) -> None:
        content, _ = catalogue.load(ROOT / "intents", strict=True)
        ready = [code for code, language in content.languages.items() if language.ready]
        self.book = Handbook(content, Phrasebook.load(ROOT / "locales", ready), lambda: date(2026, 11, 24))
        self.intents = list(content.intents)
        self.session, self.left = Session(), 0
        known = ("lang:kk", "stay:RU", "stay:other", "cit:KG", "danger:yes", "danger:no", "safe:yes", "safe:no", "read:yes", "read:no", "erase:yes", "erase:no", "rate:yes", "rate:no")
        self.buttons = ["menu", "exit", "languages", "none", "operator", "numbers", "time", *known]
        self.buttons += [f"{kind}:{intent}" for intent in self.intents for kind in ("i", "helped", "nohelp")] + [f"t:{topic}" for topic in content.topics]

    async def __call__(self, hostile: Hostile) -> None:
        """One message of a talk."""
        if self.left <= 0:
            self.session, self.left = Session(), hostile.random.randrange(1, 25)
        self.left -= 1
        message = self._message(hostile)
        desk = Desk(open=hostile.random.random() < 0.5, speaks=hostile.random.random() < 0.5, ahead=hostile.random.randrange(3))
        context = Context(NOW, hostile.random.choice(("telegram", "whatsapp", "webchat")), desk, hostile.random.random() < 0.03, hostile.random.random() < 0.5)
        turn = take_turn(self.session, message, lambda text, _previous, _hint: self._match(hostile, text), self.book, context)
        self.session = Session.load(turn.session.dump())
        check(self.session == turn.session, "the session does not survive storing")
        if hostile.random.random() < 0.1:
            self.session = self.session.change(case=hostile.random.choice(("", "waiting", "operator", "closed")))
        for reply in turn.replies:
            check_reply(reply)
        self._check_stored(turn)
        self.buttons[:1] = [button.id for reply in turn.replies for button in reply.buttons][:1] or ["menu"]

    def _check_stored(self, turn: Turn) -> None:
        """What goes into plain columns is ours, whatever was forged: a known intent, a code, a short key."""
        session, known = turn.session, {"", *self.intents}
        named = {session.pending, session.last_intent, *(e.intent for e in turn.effects if isinstance(e, OpenCase | Feedback))}
        check(named <= known, "a forged intent was kept")
        check(all(re.fullmatch("[A-Za-z_]{0,8}", code) for code in (session.language, session.detected, session.stay, session.citizenship)), "a forged code was kept")
        check(all(re.fullmatch("[a-z_]{1,32}", e.key) for e in turn.effects if isinstance(e, Note)), "a forged key was kept")

    def _message(self, hostile: Hostile) -> Message:
        kind = hostile.random.choice([*Kind, Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.CHOICE, Kind.CHOICE])
        text = hostile.text(hostile.random.choice((300, 300, 300, 300, 100_000)))
        choice = hostile.random.choice(self.buttons) if hostile.random.random() < 0.6 else hostile.random.choice(("i:", "t:", "stay:", "lang:", "cit:", "helped:", "nohelp:", "danger:", "rate:", "")) + hostile.text(64)
        command = hostile.random.choice(("start", "menu", "exit", "delete", "help", "operator", "language", hostile.text(16)))
        place = hostile.random.choice((None, (43.2, 76.9), (float("nan"), 1e300)))
        return Message(
            kind, NOW, text, choice=choice if kind is Kind.CHOICE else "", command=command if kind is Kind.COMMAND else "", place=place,
            language_hint=hostile.random.choice(("ru", "uz", "", hostile.text(8))), country_hint=hostile.random.choice(("KZ", "", "ZZ", hostile.text(4))),
        )  # fmt: skip

    def _match(self, hostile: Hostile, text: str) -> Match:
        action = hostile.random.choice(list(Action))
        some = hostile.random.sample(self.intents, 3)
        intent = some[0] if action is Action.ANSWER else None
        choices = tuple(some) if action is Action.CHOOSE else ()
        level = hostile.random.choice([Urgency.NORMAL, Urgency.NORMAL, *Urgency])
        signals = (DangerSignal("rule", text[:50], some[1], 0.9),) if level is not Urgency.NORMAL else ()
        danger = Danger(level, some[1] if signals else "", hostile.random.random() < 0.3, 0.9, signals)
        language = hostile.random.choice(("ru", "kk", "ky", "tg", "uz", ""))
        return Match(text, text, language, "Cyrl", {language: 1.0}, action, intent, choices, danger, tuple(Candidate(name, 0.5) for name in some), ())


class MatcherTarget:
    """The matcher on a lesson of five intents, meaning left out."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    async def __call__(self, hostile: Hostile) -> None:
        """One text."""
        text = hostile.text()
        match = self.matcher.match(text, previous=hostile.random.choice((None, "unpaid_wages", "gone")), language_hint=hostile.random.choice(("", "ru", "xx")))
        check(match.action in set(Action) and (match.intent is not None) == (match.action is Action.ANSWER), "an action without its intent")
        check(all(candidate.score == candidate.score for candidate in match.candidates), "a score is no number")
        glance = self.matcher.glance(text)
        check(glance.level in set(Urgency), "no level")
