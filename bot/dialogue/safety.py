"""What a watched caller can set: a word of their own to leave, a check word, and closed questions only."""

from __future__ import annotations

from dataclasses import replace

from bot.dialogue import handover
from bot.dialogue.closed_answer import closed_answer, leaves
from bot.dialogue.effect import Effect, Note, OpenCase
from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Reply
from bot.dialogue.scene import Scene, Turn
from bot.dialogue.session import Mode
from bot.language.folding import fold
from bot.matching.match import Urgency

_SHORTEST, _LONGEST = 3, 20  # letters of a word of one's own, folded

# What an operator must know first, each answerable by 1 or 2; the answer that makes it an emergency.
_QUESTIONS: dict[str, tuple[str, str]] = {
    "hurt": (N_("Are you hurt or ill now?"), "yes"),
    "can_leave": (N_("Can you leave this place by yourself?"), "no"),
    "child": (N_("Is a child there with you?"), ""),
    "has_papers": (N_("Do you have your passport with you?"), ""),
    "knows_place": (N_("Do you know the address where you are?"), ""),
    "wants_police": (N_("Do you want the police to come?"), ""),
}


def settings(scene: Scene) -> Turn:
    """What can be set; neutral to read over a shoulder."""
    closed = ("closed:off", N_("Write freely")) if scene.session.closed_only else ("closed:on", N_("Only yes or no"))
    buttons = [
        scene.button("word:exit", N_("My word to leave")),
        scene.button("word:check", N_("Check word")),
        scene.button(*closed),
        scene.button("languages", N_("Language")),
        scene.button("menu", N_("Topics")),
    ]
    return scene.turn(Reply(scene.say(N_("Settings of this chat. Choose:")), tuple(buttons), columns=2), mode=Mode.OPEN)


def ask_word(scene: Scene, kind: str) -> Turn:
    """Ask for a word: "exit", the caller's own quick exit, or "check", by which an operator knows the caller."""
    if kind == "check":
        text = scene.say(N_("Write one word that only you know. A person here can ask you for it, to be sure that it is you who writes."))
        mode = Mode.CHECK_WORD
    else:
        clears = N_("Write one word of your own. When you send only this word, this chat is cleared at once.")
        leaves_only = N_("Write one word of your own. When you send only this word, I say goodbye and write no more. The chat on your phone you delete yourself.")
        text, mode = scene.say(clears if scene.context.can_delete else leaves_only), Mode.EXIT_WORD
    return scene.turn(Reply(text, (scene.button("menu", N_("Topics")),)), mode=mode)


def note_word(scene: Scene, text: str) -> Turn | None:
    """Keep the word that was asked for; it is never repeated on the screen. None when the text is a message, not a word."""
    words = text.split()
    if len(words) > 2:
        return None
    word = fold(text)
    buttons = (scene.button("settings", N_("Settings")), scene.button("menu", N_("Topics")))
    if not _SHORTEST <= len(word) <= _LONGEST or len(word.split()) != 1 or word.isdigit() or closed_answer(text) or leaves(text):
        again = scene.say(N_("Please write one word of 3 to 20 letters; not “yes” or “no”, and no number."))
        return scene.turn(Reply(again, buttons), mode=scene.session.mode)
    if scene.session.mode is Mode.CHECK_WORD:
        done = scene.say(N_("Done. Tell this word only to the person who answers you here. Delete your message with the word."))
        return scene.turn(Reply(done, buttons), effects=(Note("check_word", text[:40]),), mode=Mode.OPEN)
    done = scene.say(N_("Done, the word is kept. STOP works too. Delete your message with the word."))
    return scene.turn(Reply(done, buttons), mode=Mode.OPEN, exit_word=word)


def write_freely(scene: Scene) -> Turn:
    """Closed questions no more."""
    text = scene.say(N_("All right. Write in your own words."))
    return scene.turn(Reply(text, (scene.button("menu", N_("Topics")),)), mode=Mode.OPEN, closed_only=False)


def begin_questions(scene: Scene) -> Turn:
    """Call a person, and meanwhile ask what they must know, by closed questions."""
    turn = handover.ask(scene, "danger", urgency=Urgency(scene.session.danger or "urgent"))
    following = _question(scene, next(iter(_QUESTIONS)))
    session = turn.session.change(mode=Mode.DANGER, offered=following.session.offered)
    return replace(turn, session=session, replies=(*turn.replies, *following.replies))


def note_answer(scene: Scene, question: str, said_yes: bool) -> Turn:
    """Keep a closed answer for the operator, and ask the next question."""
    if question not in _QUESTIONS:
        return settings(scene)
    said = "yes" if said_yes else "no"
    effects: list[Effect] = [Note(question, said)]
    if said == _QUESTIONS[question][1]:
        scene = scene.change(danger=Urgency.EMERGENCY.value)
        effects.append(OpenCase(Urgency.EMERGENCY, "danger", scene.session.last_intent))
    names = list(_QUESTIONS)
    after = names.index(question) + 1
    if after < len(names):
        return replace(_question(scene, names[after]), effects=tuple(effects))
    thanks = scene.say(N_("Thank you. A person will read your answers."))
    buttons = (scene.button("numbers", N_("Numbers")), scene.button("exit", N_("Leave quickly")))
    return scene.turn(Reply(f"{thanks} {handover.what_happens(scene)}", buttons), effects=tuple(effects), mode=Mode.OPEN)


def _question(scene: Scene, name: str) -> Turn:
    """A neutral line stands first: it is all that a locked phone shows."""
    lead = scene.say(N_("Question {number} of {count}. Please answer with 1 for yes or with 2 for no."), number=[*_QUESTIONS].index(name) + 1, count=len(_QUESTIONS))
    buttons = (*scene.yes_no(f"ask:{name}"), scene.button("exit", N_("Leave quickly")))
    return scene.turn(Reply(f"{lead}\n\n{scene.say(_QUESTIONS[name][0])}", buttons, columns=2), mode=Mode.DANGER, closed_only=True)
