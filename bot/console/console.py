"""The console: all its parts behind one gate."""

from __future__ import annotations

from fastapi import APIRouter

from bot.console.board import Boards
from bot.console.broadcasts import BroadcastPages
from bot.console.entrance import Entrance
from bot.console.gate import Gate
from bot.console.house import House
from bot.console.letters import Letters
from bot.console.library import Library
from bot.console.media import MediaFiles
from bot.console.missed import MissedQuestions
from bot.console.needs import NeedsMap
from bot.console.page import Pages
from bot.console.parcel import Parcels
from bot.console.replies import Replies
from bot.console.stream import Stream
from bot.console.talk import Talks
from bot.console.users import Users
from bot.console.waitlist import Waiting


class Console:
    """Every page of the console, behind one gate."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.gate = Gate(Pages(house))

    def routers(self) -> list[APIRouter]:
        """All routes under /console, a router for each part."""
        waiting = Waiting(self.gate)
        parts = (
            Entrance(self.gate),
            waiting,
            Talks(self.gate, waiting),
            Replies(self.gate),
            MediaFiles(self.gate),
            Parcels(self.gate),
            Stream(self.gate),
            Boards(self.gate),
            NeedsMap(self.gate),
            BroadcastPages(self.gate),
            Letters(self.gate),
            Users(self.gate),
            Library(self.gate),
            MissedQuestions(self.gate),
        )
        return [part.router() for part in parts]
