"""What operators read for the kinds of messages and for what happens to a case, in the console and in the Telegram desk."""

from __future__ import annotations

from collections.abc import Mapping

from bot.dialogue.knowledge import N_

KINDS: Mapping[str, str] = {
    "voice": N_("Voice message"), "photo": N_("Photo"), "video": N_("Video"), "document": N_("Document"),
    "sticker": N_("Sticker"), "location": N_("Location"), "contact": N_("Contact"), "choice": N_("Pressed a button"),
    "command": N_("Command"), "edited": N_("Changed a message"), "left": N_("Left the chat"), "other": N_("Something else"),
}  # fmt: skip
EVENTS: Mapping[str, str] = {
    "opened": N_("opened"), "raised": N_("became more urgent"), "signal": N_("danger was heard again"), "judged": N_("urgency changed"),
    "offered": N_("offered"), "taken": N_("taken"), "returned": N_("given back"), "declined": N_("offer declined"),
    "expired": N_("offer not taken in time"), "vanished": N_("operator vanished"), "silent": N_("caller fell silent"),
    "back": N_("caller is back"), "transferred": N_("handed over"), "closed": N_("closed"), "rated": N_("rated by the caller"),
    "unreachable": N_("caller cannot be reached"),
}  # fmt: skip
