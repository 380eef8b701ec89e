"""The deeds of the audit log, as they are kept there and as the console translates them."""

from __future__ import annotations

from bot.dialogue.knowledge import N_

DEEDS = frozenset({
    N_("broadcast cancelled"), N_("broadcast drafted"), N_("broadcast paused"), N_("broadcast sent"),
    N_("case assigned"), N_("case opened"), N_("check word set"), N_("check word taken back"),
    N_("duty break"), N_("duty off"), N_("duty on"), N_("file opened"), N_("file refused"), N_("file sent"), N_("gap reported"),
    N_("letter discarded"), N_("letter retried"), N_("login"), N_("login failed"), N_("logout"),
    N_("other sessions ended"), N_("password set"), N_("questions done"), N_("questions opened again"),
    N_("recovery code used"), N_("safe time set"), N_("safe time taken back"), N_("second factor set"),
    N_("session ended"), N_("telegram linked"), N_("telegram shift"), N_("telegram unlinked"),
    N_("user added"), N_("user changed"), N_("user disabled"), N_("user enabled"), N_("user reset"), N_("vanished"),
})  # fmt: skip
