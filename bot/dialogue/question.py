"""A question: danger first, then an answer, a choice, or an honest "I do not know"."""

from __future__ import annotations

from dataclasses import replace

from bot.dialogue import danger, handover, menu, news, parting
from bot.dialogue.closed_answer import Closed, closed_answer
from bot.dialogue.effect import Effect, Feedback, Missed
from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Button, Reply
from bot.dialogue.scene import A_PERSON, Scene, Turn
from bot.dialogue.session import Mode
from bot.matching.match import Action, Match

STAY_COUNTRIES = ("RU", "KZ", "KG", "TJ", "UZ", "TR", "KR", "AE", "PL", "other")
CITIZENSHIPS = ("KG", "KZ", "TJ", "UZ", "TM", "other")
SMALL_TALK = frozenset({"greeting", "thanks", "goodbye"})
_MAX_SEE_ALSO = 3
_MISSES_TO_PERSON = 2


def ask(scene: Scene, match: Match) -> Turn:
    """React to a text."""
    if match.danger:
        return danger.answer(scene, match.danger, also=_also(scene, match))
    if match.action is Action.ANSWER and match.intent:
        return answer(scene, match.intent, also=_also(scene, match))
    if match.action is Action.CHOOSE and match.choices:
        return menu.offer(scene, match.choices)
    return miss(scene, match)


def answer(scene: Scene, intent: str, also: tuple[str, ...] = ()) -> Turn:
    """Answer one intent, asking first for the country only when the answer depends on it."""
    acts = {
        "change_language": menu.languages,
        A_PERSON: lambda s: handover.ask(s, "asked"),
        "delete_my_data": parting.ask_erase,
    }
    if intent in acts:
        return acts[intent](scene)
    if intent in danger.dangers(scene):
        return danger.card(scene, intent, also=also)
    session = scene.session
    if intent == "greeting" and session.mode is Mode.NEW and not session.language:
        return menu.welcome(scene)
    need = scene.knowledge.needs(intent, session.stay, session.citizenship)
    if need:
        return _ask_place(scene, intent, need)
    return _give(scene, intent, also)


def _give(scene: Scene, intent: str, also: tuple[str, ...]) -> Turn:
    session = scene.session
    found = scene.knowledge.answer(intent, scene.language, session.stay, session.citizenship)
    text = found.text
    if session.mode is Mode.NEW:
        text = f"{text}\n\n{menu.introduction(scene)}" if intent in SMALL_TALK else f"{menu.short_introduction(scene)}\n\n{text}"
    if found.small_print:
        text = f"{text}\n\n{found.small_print}"
    more = [other for other in dict.fromkeys((*also, *found.see_also)) if other != intent]
    buttons = scene.intent_buttons(more)[:_MAX_SEE_ALSO]
    if intent in SMALL_TALK:
        buttons = [scene.button("menu", N_("Topics")), scene.button("operator", N_("A person"))]
    else:
        helped = [scene.button(f"helped:{intent}", N_("It helped")), scene.button(f"nohelp:{intent}", N_("It did not help"))]
        buttons = [*helped, *buttons, scene.button("operator", N_("A person")), scene.button("menu", N_("Topics"))]
    if not session.language:
        buttons.append(scene.button("languages", N_("Language")))
    return scene.turn(
        Reply(text, tuple(buttons), columns=2), mode=Mode.OPEN, pending="", misses=0, last_intent=intent
    )


def none_of_these(scene: Scene) -> Turn:
    """None of the offered intents was meant."""
    offered = tuple(b.removeprefix("i:") for b in scene.session.offered if b.startswith("i:"))
    return _missed(scene, Missed("none_of_these", offered))


def miss(scene: Scene, match: Match) -> Turn:
    """Nothing fits: say so, never guess."""
    return _missed(scene, Missed("fallback", tuple(c.intent for c in match.candidates[:4])))


def _missed(scene: Scene, missed: Missed) -> Turn:
    misses = scene.session.misses + 1
    scene = scene.change(misses=misses)
    if misses >= _MISSES_TO_PERSON:
        return handover.ask(scene.change(misses=0), "missed_twice", effects=(missed,))
    lead = scene.say(N_("I am not sure I understood. Please write it in other words, a short sentence is enough."))
    return replace(menu.topics(scene, lead=lead), effects=(missed,))


def closed_reply(scene: Scene, text: str) -> Turn | None:
    """A typed yes or no under an answer, where buttons ask whether it helped; None when it is something else."""
    asked = next((button.partition(":")[2] for button in scene.session.offered if button.startswith("helped:")), None)
    said = closed_answer(text)
    if asked is None or said is None:
        return None
    return helped(scene, asked) if said is Closed.YES else did_not_help(scene, asked)


def helped(scene: Scene, intent: str) -> Turn:
    """The answer helped."""
    effects: tuple[Effect, ...] = (Feedback(intent, True),) if intent in scene.knowledge.intents() else ()
    text = scene.say(N_("I am glad. If you have another question, just write it."))
    if news.may_ask(scene):
        return replace(news.ask(scene, lead=text), effects=effects)
    return scene.turn(Reply(text, (scene.button("menu", N_("Topics")),)), effects=effects)


def did_not_help(scene: Scene, intent: str) -> Turn:
    """The answer did not help: a person, and editors learn of it."""
    known = intent in scene.knowledge.intents()
    effects: tuple[Effect, ...] = (Feedback(intent, False), Missed("did_not_help", (intent,))) if known else ()
    return handover.ask(scene, "did_not_help", effects=effects, intent=intent if known else "")


def _ask_place(scene: Scene, intent: str, need: str) -> Turn:
    codes: tuple[str, ...]
    if need == "stay":
        text = scene.say(N_("The rules differ from country to country. Where are you now?"))
        codes, prefix = STAY_COUNTRIES, "stay"
    else:
        text = scene.say(N_("It depends on your passport. Of which country is it?"))
        codes, prefix = CITIZENSHIPS, "cit"
    if scene.session.mode is Mode.NEW:
        text = f"{menu.short_introduction(scene)}\n\n{text}"
    hint = scene.message.country_hint  # a phone number's country: a proposal, shown first, never taken for granted
    codes = tuple(sorted(codes, key=lambda code: code != hint))
    buttons = tuple(Button(f"{prefix}:{code}", scene.knowledge.country_title(code, scene.language)) for code in codes)
    return scene.turn(Reply(text, buttons, columns=2), mode=Mode.STAY, pending=intent)


def with_place(scene: Scene, country: str) -> Turn:
    """The caller said where they are; go on with what waited for it."""
    country = country if country.isascii() and country.isalpha() and len(country) == 2 else "other"
    return _resume(scene.change(stay=country, mode=Mode.OPEN))


def with_citizenship(scene: Scene, country: str) -> Turn:
    """The caller said whose passport they hold; go on with what waited for it."""
    country = country if country in CITIZENSHIPS else "other"
    return _resume(scene.change(citizenship=country, mode=Mode.OPEN))


def _resume(scene: Scene) -> Turn:
    pending = scene.session.pending
    if pending in danger.dangers(scene):
        return danger.place_known(scene, pending)
    if pending in scene.knowledge.intents():
        return answer(scene, pending)
    return menu.topics(scene)


def _also(scene: Scene, match: Match) -> tuple[str, ...]:
    return tuple(intent for intent in match.also if intent in scene.knowledge.intents())
