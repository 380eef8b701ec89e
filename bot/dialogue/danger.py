"""Danger: a short calm card with a number that works where the caller is, a person, and closed questions."""

from __future__ import annotations

from bot.dialogue import handover, menu, safety
from bot.dialogue.effect import Effect, Note, OpenCase
from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Button, Reply
from bot.dialogue.scene import Scene, Turn
from bot.dialogue.session import Mode
from bot.matching.match import Danger, Match, Urgency

_DEFAULT_INTENT = "emergency_now"
_SAFE_NOW = N_("Is it safe for you to write now?")
_STAY_ON_CARD = ("RU", "KZ", "KG", "TJ", "UZ", "other")


def dangers(scene: Scene) -> frozenset[str]:
    """The intents that get the danger card."""
    known = scene.knowledge
    return frozenset(i for i in known.intents() if known.urgency(i) is not Urgency.NORMAL)


def answer(scene: Scene, danger: Danger, also: tuple[str, ...] = ()) -> Turn:
    """React to danger heard in a text: the card when sure, a soft question when not."""
    intent = danger.intent if danger.intent in scene.knowledge.intents() else _DEFAULT_INTENT
    if danger.soft and scene.session.danger == "":
        return _soft(scene, intent)
    effects = (OpenCase(danger.level, "danger", intent, danger.signals),)
    return card(scene, intent, also=also, level=danger.level, effects=effects)


def _soft(scene: Scene, intent: str) -> Turn:
    text = scene.say(N_("I want to understand you well. Are you, or the person you write about, in danger or being hurt or held?"))
    number = scene.knowledge.emergency(scene.session.stay)
    help_now = scene.say(N_("If you need help at once, call {number}."), number=number)
    return scene.turn(
        Reply(f"{text}\n\n{help_now}", (*scene.yes_no("danger"), scene.button("exit", N_("Leave quickly"))), columns=2),
        mode=Mode.CONFIRM_DANGER,
        pending=intent,
    )


def confirm(scene: Scene, in_danger: bool) -> Turn:
    """The answer to "are you in danger?"."""
    intent = scene.session.pending if scene.session.pending in scene.knowledge.intents() else _DEFAULT_INTENT
    if in_danger:
        return card(scene, intent)
    return menu.offer(scene.change(mode=Mode.OPEN, pending=""), (intent,))


def card(
    scene: Scene,
    intent: str,
    also: tuple[str, ...] = (),
    level: Urgency | None = None,
    effects: tuple[Effect, ...] | None = None,
) -> Turn:
    """The danger card; a case is opened with it, so that a person sees it."""
    session = scene.session
    level = level or scene.knowledge.urgency(intent)
    if effects is None:
        effects = (OpenCase(level, "danger", intent),)
    found = scene.knowledge.answer(intent, scene.language, session.stay, session.citizenship)
    numbers = scene.knowledge.numbers(scene.language, session.stay, level)
    first = Reply(f"{numbers}\n\n{found.text}")
    return scene.turn(
        first,
        _what_now(scene, also),
        effects=effects,
        mode=Mode.DANGER,
        pending=intent,
        last_intent=intent,
        misses=0,
        danger=_higher(session.danger, level),
        case=session.case or "waiting",
    )


def _what_now(scene: Scene, also: tuple[str, ...]) -> Reply:
    """The second message of the card: what happens next, and a closed question."""
    lines = [handover.what_happens(scene), scene.say(_SAFE_NOW)]
    buttons: list[Button] = [*scene.yes_no("safe")]
    if not scene.session.stay:
        lines.insert(1, scene.say(N_("Tell me the country, and I give you the right number.")))
        buttons += [Button(f"stay:{c}", scene.knowledge.country_title(c, scene.language)) for c in _STAY_ON_CARD[:5]]
    buttons += [scene.intent_button(intent) for intent in also[:1]]
    buttons.append(scene.button("exit", N_("Leave quickly")))
    return Reply("\n\n".join(lines), tuple(buttons), columns=2)


def safe_to_write(scene: Scene, safe: bool) -> Turn:
    """The answer to "is it safe for you to write?"."""
    if safe:
        text = scene.say(N_("Good. Write what happened, as much as you want to. A person will read it."))
        buttons = (scene.button("numbers", N_("Numbers")), scene.button("word:exit", N_("My word to leave")), scene.button("exit", N_("Leave quickly")))
        return scene.turn(Reply(text, buttons), effects=(Note("safe_to_write", "yes"),), mode=Mode.OPEN)
    text = scene.say(N_("I understand. You can answer with 1 for yes and 2 for no. I will never write first. May a person read this chat and answer you here?"))
    return scene.turn(
        Reply(text, (*scene.yes_no("read"), scene.button("time", N_("A safe time")), scene.button("exit", N_("Leave quickly"))), columns=2),
        effects=(Note("safe_to_write", "no"),),
        closed_only=True,
        mode=Mode.DANGER,
    )


def read_by_person(scene: Scene, may: bool) -> Turn:
    """Whether a watched caller wants a person in this chat."""
    if may:
        return safety.begin_questions(scene)
    number = scene.knowledge.emergency(scene.session.stay)
    if scene.context.can_delete:
        text = scene.say(N_("All right. When you can, call {number}. To clear this chat, write STOP."), number=number)
    else:
        text = scene.say(N_("All right. When you can, call {number}. To leave, write STOP and delete this chat on your phone."), number=number)
    return scene.turn(Reply(text), effects=(Note("wants_person", "no"),))


def place_known(scene: Scene, intent: str) -> Turn:
    """The caller of a danger card named the country: the right numbers, and the steps for that country."""
    session = scene.session
    level = scene.knowledge.urgency(intent)
    found = scene.knowledge.answer(intent, scene.language, session.stay, session.citizenship)
    numbers = scene.knowledge.numbers(scene.language, session.stay, level)
    text = f"{numbers}\n\n{found.text}"
    buttons = [scene.button("operator", N_("A person")), scene.button("exit", N_("Leave quickly"))]
    if "safe:yes" in session.offered:  # not answered yet
        text = f"{text}\n\n{scene.say(_SAFE_NOW)}"
        buttons = [*scene.yes_no("safe"), *buttons]
    return scene.turn(Reply(text, tuple(buttons), columns=2), effects=(Note("stay", session.stay),), mode=Mode.DANGER)


def raised(match: Match) -> tuple[Effect, ...]:
    """What danger heard while a person has the conversation leads to: the case's urgency rises."""
    if not match.danger or match.danger.soft:
        return ()
    return (OpenCase(match.danger.level, "danger", match.danger.intent, match.danger.signals),)


def _higher(before: str, level: Urgency) -> str:
    return level.value if not before or level.rank > Urgency(before).rank else before

