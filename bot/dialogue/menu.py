"""Finding one's way: first contact, languages, topics, and what to do with things that are not words."""

from __future__ import annotations

from bot.dialogue.knowledge import N_
from bot.dialogue.message import Kind
from bot.dialogue.reply import Button, Reply
from bot.dialogue.scene import Scene, Turn
from bot.dialogue.session import Mode

_PAGE = 7  # intents on a page, so that all buttons fit a WhatsApp list of 10 rows
_GREETING = N_("Hello! Which language is easier for you?")
_ABOUT = N_(
    "This is a free information service for people who live or work in another country. "
    "I am a program, not a person. You need not give your name. Just write your question in your own words."
)
_KIND_REPLIES = {
    Kind.VOICE: N_("Sorry, I cannot listen to voice messages. Please write in a few words, choose below, or ask for a person."),
    Kind.VIDEO: N_("Sorry, I cannot watch videos. Please write in a few words, choose below, or ask for a person."),
    Kind.PHOTO: N_("Sorry, I cannot read photos, but a person can. Please write in a few words what it is about, or ask for a person."),
    Kind.DOCUMENT: N_("Sorry, I cannot read files, but a person can. Please write in a few words what it is about, or ask for a person."),
    Kind.LOCATION: N_("Thank you. I cannot send anyone to this place. If you need help there now, call the number below, or ask for a person."),
    Kind.CONTACT: N_("Thank you. I do not keep phone numbers. Please write in a few words what you need, or ask for a person."),
}


def welcome(scene: Scene) -> Turn:
    """First contact: the languages; one line on what this is follows the choice."""
    greetings = dict.fromkeys(scene.knowledge.say(_GREETING, language) for language in scene.knowledge.languages())
    buttons = tuple(Button(f"lang:{code}", name) for code, name in scene.knowledge.languages().items())
    return scene.turn(Reply("\n".join(greetings), buttons, columns=2), mode=Mode.OPEN)


def languages(scene: Scene) -> Turn:
    """The list of languages, asked for."""
    buttons = tuple(Button(f"lang:{code}", name) for code, name in scene.knowledge.languages().items())
    return scene.turn(Reply(scene.say(_GREETING), buttons, columns=2))


def choose_language(scene: Scene, language: str) -> Turn:
    """The caller's choice, which wins from now on over anything detected."""
    if language not in scene.knowledge.languages():
        return languages(scene)
    scene = scene.change(language=language)
    return topics(scene, lead=introduction(scene))


def introduction(scene: Scene) -> str:
    """What this is, in one short paragraph; how to reach help and how to leave."""
    if scene.context.can_delete:
        leave = scene.say(N_("To leave quickly and clear this chat, write STOP."))
    else:
        leave = scene.say(N_("To leave quickly, write STOP. Then delete this chat on your phone yourself: a program cannot do it here."))
    emergency = scene.say(N_("If you are in danger now:"))
    return f"{scene.say(_ABOUT)}\n\n{emergency} {_emergency(scene)}\n\n{leave}"


def short_introduction(scene: Scene) -> str:
    """One line before the first answer to a caller who began with a question."""
    return scene.say(N_("This is a free and confidential information service. I am a program, not a person."))


def topics(scene: Scene, lead: str = "") -> Turn:
    """The topics as buttons, with a person always at hand."""
    known = scene.knowledge
    buttons = [Button(f"t:{topic}", known.topic_title(topic, scene.language)) for topic in known.topics()]
    buttons.append(scene.button("operator", N_("A person")))
    ask = scene.say(N_("Write your question, or choose:"))
    return scene.turn(Reply(f"{lead}\n\n{ask}" if lead else ask, tuple(buttons), columns=2), mode=Mode.OPEN)


def topic(scene: Scene, value: str) -> Turn:
    """The intents of one topic, a page at a time; `value` is "work" or "work:8" (from the ninth on)."""
    name, _, start = value.partition(":")
    if name not in scene.knowledge.topics():
        return topics(scene)
    intents = scene.knowledge.intents_of(name)
    first = int(start) if start.isascii() and start.isdigit() and int(start) < len(intents) else 0
    page = intents[first : first + _PAGE]
    buttons = scene.intent_buttons(page)
    if first + _PAGE < len(intents):
        buttons.append(scene.button(f"t:{name}:{first + _PAGE}", N_("More")))
    buttons += [scene.button("operator", N_("A person")), scene.button("menu", N_("Other topics"))]
    return scene.turn(Reply(scene.say(N_("What is it about?")), tuple(buttons)), mode=Mode.OPEN)


def offer(scene: Scene, choices: tuple[str, ...]) -> Turn:
    """Offer two to four intents."""
    buttons = [*scene.intent_buttons(choices), scene.button("none", N_("None of these")), scene.button("operator", N_("A person"))]
    return scene.turn(Reply(scene.say(N_("Which of these do you mean?")), tuple(buttons)), mode=Mode.CHOOSING)


def without_words(scene: Scene) -> Turn:
    """Voice, photo, sticker and the like: say kindly what the bot can do, offer a person and a number."""
    phrase = _KIND_REPLIES.get(scene.message.kind)
    if phrase is None:
        return topics(scene)
    text = f"{scene.say(phrase)}\n\n{_emergency(scene)}"
    buttons = (scene.button("operator", N_("A person")), scene.button("menu", N_("Topics")))
    return scene.turn(Reply(text, buttons))


def _emergency(scene: Scene) -> str:
    return scene.knowledge.emergency(scene.session.stay)
