"""Commands with a slash, the same in every channel."""

from __future__ import annotations

from bot.dialogue import handover, menu, news, parting, safety
from bot.dialogue.knowledge import N_
from bot.dialogue.scene import Scene, Turn
from bot.dialogue.session import Mode

COMMANDS = {
    "start": N_("Start again"),
    "menu": N_("Topics"),
    "language": N_("Change the language"),
    "operator": N_("Ask for a person"),
    "help": N_("What this is"),
    "settings": N_("Settings"),
    "delete": N_("Erase my data"),
    "exit": N_("Leave quickly"),
}


def obey(scene: Scene) -> Turn:
    """Carry out a command; an unknown one gets the help."""
    name = scene.message.command
    if name == "start":
        campaign = "".join(c for c in scene.message.text if c.isalnum() or c in "_-")[:64]
        scene = scene.change(campaign=campaign or scene.session.campaign, mode=Mode.NEW, pending="", misses=0)
        return menu.topics(scene, lead=menu.introduction(scene)) if scene.session.language else menu.welcome(scene)
    if name == "language":
        return menu.languages(scene)
    if name == "menu":
        return menu.topics(scene)
    if name == "operator":
        return handover.ask(scene, "asked")
    if name == "settings":
        return safety.settings(scene)
    if name == "news" and scene.context.can_write_first:
        return news.ask(scene)
    if name == "delete":
        return parting.ask_erase(scene)
    return menu.topics(scene, lead=menu.introduction(scene))
