"""A desk over a store: accounts, operators on duty, and callers who ask for a person."""

from __future__ import annotations

from typing import Any

from bot.dialogue.effect import OpenCase, Rate
from bot.hotline.announcement import Announcer
from bot.hotline.browsers import Browsers
from bot.hotline.desk import OperatorsDesk
from bot.hotline.duty import DeskOptions, Roster
from bot.hotline.ports import Store
from bot.hotline.records import Case, CaseState
from bot.hotline.staff import Accounts, new_staff
from bot.hotline.team import Duty, Role, Staff
from bot.matching.match import DangerSignal, Urgency
from tests.builders.delivery import Echo, FakeChannel, FakeClock, House

SIGNAL = DangerSignal("documents_taken", "паспортимни олиб қўйди", "documents_taken", 0.9)
EFFECTS = {
    "person": (OpenCase(Urgency.NORMAL, "asked"),),
    "urgent": (OpenCase(Urgency.URGENT, "danger", "documents_taken", (SIGNAL,)),),
    "danger": (OpenCase(Urgency.EMERGENCY, "danger", "emergency_now", (SIGNAL,)),),
    "useful": (Rate(True),),
}


def say(phrase: str, language: str, /, **values: object) -> str:
    """Phrases in English, marked with the language."""
    return f"{phrase.format(**values)} [{language}]"


class DeskHouse:
    """Everything behind the console, without pages."""

    def __init__(self, store: Store, *, options: DeskOptions | None = None, channel: str = "fake") -> None:
        self.store = store
        self.clock = FakeClock()
        self.channel = FakeChannel(channel)
        self.house = House(store, bot=Echo(EFFECTS), channel=self.channel, clock=self.clock)
        self.options = options or DeskOptions()
        announcer = Announcer({self.channel.name: self.channel}, say)
        self.desk = OperatorsDesk(store, self.clock, announcer, self.options)
        self.roster = Roster(store, self.clock, announcer, self.options)
        self.accounts = Accounts(store, self.clock)
        self.browsers = Browsers(store, self.clock, self.accounts.proof)

    async def staff(self, name: str, *roles: Role, languages: tuple[str, ...] = ("ru", "uz"), duty: bool = True, limit: int = 4) -> Staff:
        """An account, on duty."""
        made = new_staff(name, roles or (Role.OPERATOR,), languages, "en", self.clock.now())
        await self.store.transact(lambda ledger: ledger.office.staff.add(made))
        await self.store.transact(lambda ledger: ledger.office.staff.change(made.id, limit=limit))
        found = await self.store.read(lambda ledger: ledger.office.staff.get(made.id))
        assert found is not None
        if duty:
            await self.roster.set_duty(found, Duty.ON)
        return found

    async def ask(self, *words: str, sender: str = "caller") -> Case:
        """A caller writes and has a case after it."""
        for text in words or ("person",):
            await self.house.hear(text, sender=sender)
            await self.house.quiet()
        case = await self.case_of(sender)
        assert case is not None
        return case

    async def case_of(self, sender: str = "caller") -> Case | None:
        """The caller's open case."""
        conversation = await self.house.conversation(sender)
        return await self.store.read(lambda ledger: ledger.cases.open_of(conversation.id))

    async def case(self, case: str) -> Case:
        """By id."""
        found = await self.store.read(lambda ledger: ledger.cases.get(case))
        assert found is not None
        return found

    async def state(self, case: str) -> CaseState:
        """Where it stands."""
        return (await self.case(case)).state

    async def told(self, sender: str = "caller") -> list[str]:
        """What the caller was sent, once all is delivered."""
        await self.house.quiet()
        return self.channel.to(sender)

    async def read(self, work: Any) -> Any:
        """A short way to the ledger."""
        return await self.store.read(work)
