"""News: asked for once, shown only after a tap, ended with one word."""

from __future__ import annotations

from bot.dialogue.closed_answer import refuses_news, wants_to_see
from bot.dialogue.effect import ShowNews, Subscribe
from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Button, Reply
from bot.dialogue.scene import Scene, Turn

QUESTION = N_("May we send you news now and then? To stop it at any time, write STOP.")
PREVIEW = N_("There is news for you. Shall I show it?")  # names no subject: someone else may look at the phone
NO_MORE = N_("You will get no more news from us.")
_OVER = N_("This news is out of date. If you have a question, just write it.")


def may_ask(scene: Scene) -> bool:
    """Whether to offer news: never asked before, not in danger, not waiting for a person, and reachable later."""
    session = scene.session
    calm = not (session.news or session.danger or session.closed_only or session.case in ("waiting", "operator"))
    return calm and scene.context.can_write_first


def ask(scene: Scene, lead: str = "") -> Turn:
    """The one question, under what was said anyway."""
    question = scene.say(QUESTION)
    buttons = (*scene.yes_no("news"), scene.button("menu", N_("Topics")))
    return scene.turn(Reply(f"{lead}\n\n{question}" if lead else question, buttons, columns=2), news="asked")


def decide(scene: Scene, wanted: bool) -> Turn:
    """The answer to the question; "no" also ends what was asked for before."""
    if wanted and not scene.context.can_write_first:
        wanted = False
    if wanted:
        text = scene.say(N_("Thank you. It will not be often. To stop it, write STOP."))
    elif scene.session.news == "yes":
        text = scene.say(NO_MORE)
    else:
        text = scene.say(N_("All right, we will not send any."))
    reply = Reply(text, (scene.button("menu", N_("Topics")),))
    return scene.turn(reply, effects=(Subscribe(wanted),), news="yes" if wanted else "no")


def show(scene: Scene, value: str) -> Turn:
    """The answer to "shall I show it?"; `value` is "<broadcast>:yes" or "<broadcast>:no"."""
    broadcast, _, said = value.partition(":")
    if said != "yes":
        text = scene.say(N_("All right. If you have a question, just write it."))
        return scene.turn(Reply(text, (scene.button("menu", N_("Topics")),)))
    buttons = (scene.button("menu", N_("Topics")), scene.button("news:no", N_("No more news")))
    frame = Reply(scene.say(_OVER), buttons, columns=2)
    offered = tuple(button.id for button in buttons)
    return scene.turn(effects=(ShowNews(broadcast, scene.language, frame),), keep_offered=True, offered=offered)


def preview_buttons(broadcast: str, yes: str, no: str) -> tuple[Button, Button]:
    """The buttons under the preview."""
    return Button(f"show:{broadcast}:yes", yes), Button(f"show:{broadcast}:no", no)


def typed_reply(scene: Scene, text: str) -> Turn | None:
    """"Show it" under a preview, or words against news; None when it is something else."""
    if scene.session.news == "yes" and refuses_news(text):
        return decide(scene, wanted=False)
    preview = next((button for button in scene.session.offered if button.startswith("show:") and button.endswith(":yes")), "")
    return show(scene, preview.removeprefix("show:")) if preview and wants_to_see(text) else None
