"""The console as one router."""

from __future__ import annotations

from fastapi import APIRouter

from bot.console.entrance import Entrance
from bot.console.gate import Gate
from bot.console.house import House
from bot.console.page import Pages
from bot.console.stream import Stream
from bot.console.talk import Talks
from bot.console.waitlist import Waiting


class Console:
    """Every page of the console, behind one gate."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.gate = Gate(Pages(house))

    def router(self) -> APIRouter:
        """All routes under /console."""
        waiting = Waiting(self.gate)
        parts = (Entrance(self.gate), waiting, Talks(self.gate, waiting), Stream(self.gate))
        router = APIRouter()
        for part in parts:
            router.include_router(part.router())
        return router
