"""What every page of the console needs: the use cases, the words, and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.console.scanner import Scanner
from bot.errors import Problem
from bot.hotline.announcement import Announcer
from bot.hotline.broadcast import BroadcastOptions, Newsroom
from bot.hotline.browsers import Browsers
from bot.hotline.desk import OperatorsDesk
from bot.hotline.duty import DeskOptions, Roster
from bot.hotline.hours import Hours
from bot.hotline.mind import Mind
from bot.hotline.ports import Channel, Clock, Store
from bot.hotline.silence import SilenceOptions
from bot.hotline.staff import Accounts

Preview = Callable[[str], str]  # markdown-light as safe HTML, the way a channel would show it


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What the settings say about the console."""

    hours: Hours
    https: bool = False
    base: str = ""  # address of the service, for links in invitations
    times: DeskOptions = field(default_factory=DeskOptions)
    news: BroadcastOptions = field(default_factory=BroadcastOptions)
    silence: SilenceOptions = field(default_factory=SilenceOptions)
    scanner: str = ""  # address of a clamd

    @property
    def zone(self) -> ZoneInfo:
        """In which times are shown."""
        return self.hours.zone


class House:
    """The parts, built once.

    `show` makes safe HTML of markdown-light; `previews` does so for each channel's form; `refused` says what is wrong
    with content on disk that is therefore not served.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        mind: Mind,
        channels: Mapping[str, Channel],
        options: ConsoleOptions,
        *,
        show: Callable[[str], str],
        previews: Mapping[str, Preview],
        refused: Callable[[], Sequence[Problem]] = tuple,
    ) -> None:
        self.store = store
        self.clock = clock
        self.mind = mind
        self.channels = channels
        self.options = options
        self.show = show
        self.previews = previews
        self.refused = refused
        announcer = Announcer(channels, self.say)
        self.accounts = Accounts(store, clock)
        self.browsers = Browsers(store, clock, self.accounts.proof)
        self.scanner = Scanner(options.scanner)
        self.desk = OperatorsDesk(store, clock, announcer, options.times)
        self.newsroom = Newsroom(store, clock, channels, self.say, options.news)
        self.roster = Roster(store, clock, announcer, options.times)

    def say(self, phrase: str, language: str, /, **values: object) -> str:
        """A phrase in a language; English when there is no catalogue."""
        return self.mind.edition.handbook.say(phrase, language, **values)

    def now(self) -> datetime:
        """Now, in UTC."""
        return self.clock.now()
