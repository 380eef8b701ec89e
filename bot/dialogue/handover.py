"""Handing over to a person: the truth about who is there, and a number for when nobody is."""

from __future__ import annotations

from bot.dialogue.effect import Effect, Note, OpenCase, Rate
from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Reply
from bot.dialogue.scene import Scene, Turn
from bot.dialogue.session import Mode
from bot.matching.match import Urgency


def ask(
    scene: Scene,
    reason: str,
    *,
    urgency: Urgency = Urgency.NORMAL,
    intent: str = "",
    effects: tuple[Effect, ...] = (),
) -> Turn:
    """Open a case and say plainly what happens now."""
    session = scene.session
    if reason == "missed_twice":
        lead = scene.say(N_("I could not find an answer to this. Better ask a person."))
    elif reason == "did_not_help":
        lead = scene.say(N_("I am sorry that it did not help. Better ask a person."))
    else:
        lead = ""
    level = max(urgency, Urgency(session.danger or "normal"), key=lambda u: u.rank)
    numbers_here = scene.knowledge.numbers(scene.language, session.stay, level)
    text = "\n\n".join(part for part in (lead, what_happens(scene), numbers_here) if part)
    buttons = [scene.button("menu", N_("Topics"))]
    if not scene.context.desk.open:
        buttons.insert(0, scene.button("time", N_("A safe time")))
    case = session.case if session.case in ("waiting", "operator") else "waiting"
    return scene.turn(
        Reply(text, tuple(buttons)),
        effects=(*effects, OpenCase(level, reason, intent)),
        mode=Mode.OPEN,
        pending="",
        misses=0,
        case=case,
    )


def what_happens(scene: Scene) -> str:
    """Whether a person is there, and how many wait before this caller."""
    desk = scene.context.desk
    if not desk.speaks:
        return scene.say(N_("No one here speaks your language just now. Please call the number below; your message is kept for a person."))
    if not desk.open:
        return scene.say(N_("No person is on duty just now. Your message is kept, and a person will read it when they are back."))
    if desk.ahead == 0:
        return scene.say(N_("A person will read this chat next. Please stay here; you can go on writing."))
    return scene.say(N_("A person will read this chat. Waiting before you: {ahead}. You can go on writing."), ahead=desk.ahead)


def numbers(scene: Scene) -> Turn:
    """The numbers that can be dialled where the caller is."""
    session = scene.session
    level = Urgency(session.danger or "normal")
    text = scene.knowledge.numbers(scene.language, session.stay, level)
    return scene.turn(Reply(text, (scene.button("operator", N_("A person")), scene.button("menu", N_("Topics")))))


def ask_safe_time(scene: Scene) -> Turn:
    """When may a person write? Only a caller who names a time is ever written to first."""
    text = scene.say(N_("When is it safe to write to you? For example: tomorrow after 8 in the evening. If you name no time, we never write first."))
    return scene.turn(Reply(text, (scene.button("menu", N_("Topics")),)), mode=Mode.SAFE_TIME)


def note_safe_time(scene: Scene, text: str) -> Turn:
    """Keep the caller's own words about a safe time for the operator."""
    reply = scene.say(N_("I passed it on. A person sees it. Nobody can promise the exact hour."))
    effects = (Note("safe_time", text[:200]), OpenCase(Urgency(scene.session.danger or "normal"), "asked"))
    return scene.turn(Reply(reply, (scene.button("menu", N_("Topics")),)), effects=effects, mode=Mode.OPEN, case=scene.session.case or "waiting")


def rate(scene: Scene, useful: bool) -> Turn:
    """One tap after a talk with a person."""
    text = scene.say(N_("Thank you. You can write here again at any time."))
    return scene.turn(Reply(text), effects=(Rate(useful),))
