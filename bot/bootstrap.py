"""Builds everything from the settings; the one module that knows every other."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import html
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY

from bot import web
from bot.channels.markup import to_telegram, to_web, to_whatsapp
from bot.channels.webchat import WebChat, WebChatPages, page_phrases
from bot.console.console import Console
from bot.console.house import ConsoleOptions, House
from bot.console.parcel import prepared
from bot.content import catalogue
from bot.content.handbook import Handbook
from bot.content.phrasebook import Phrasebook
from bot.content.schema import Content
from bot.content.watch import ContentWatch
from bot.dialogue.context import Context, Desk
from bot.dialogue.message import Message
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn
from bot.errors import ContentError, Problem, SettingsError, StoreAwayError
from bot.hotline.announcement import Announcer
from bot.hotline.broadcast import BroadcastOptions
from bot.hotline.dots import Dots
from bot.hotline.duty import DeskOptions, DutyView
from bot.hotline.inbox import Inbox
from bot.hotline.lease import Job, Periodic
from bot.hotline.ledger import FloodLimit
from bot.hotline.metrics import Metrics
from bot.hotline.mind import Edition, Mind
from bot.hotline.outbox import Sender
from bot.hotline.parcel import LIMIT as PARCEL_LIMIT
from bot.hotline.parcel import ParcelPost
from bot.hotline.ports import Channel, Store
from bot.hotline.retention import Retention, fold_statistics, purge
from bot.hotline.silence import SilenceOptions, SilenceWatch
from bot.hotline.spool import Spool
from bot.hotline.worker import Worker
from bot.installation import SystemClock, base_address, today
from bot.matching.matcher import Matcher
from bot.server import Server, listen
from bot.settings import Settings
from storage.cipher import load_cipher
from storage.store import open_store

log = structlog.get_logger(__name__)

_TURN = 0.0005  # seconds a computing thread keeps the interpreter while the event loop waits for it; Python's own 5 ms add up to seconds
_DAY = 86_400.0


def edition(config: Settings, directory: Path, *, strict: bool = True, semantic: Any = None) -> Edition:
    """Load content and train (or load) the matcher. Raises ContentError when nothing can be read.

    `semantic` as in `Matcher.train`; None: what the settings say. Blocks for seconds, for minutes when the meaning
    of thousands of new examples must be computed.
    """
    content, problems = catalogue.load(directory, strict=strict)
    errors = sum(problem.severity == "error" for problem in problems)
    if errors and strict:
        log.error("content has errors; the files that have them are left out", errors=errors, first=str(problems[0]))
    if not strict and errors:
        raise ContentError(problems)
    handbook = Handbook(content, Phrasebook.load(config.locales_dir, _catalogues(content)), today)
    wanted = config.semantic if semantic is None else semantic
    matcher = Matcher.train(catalogue.lesson(content), cache=config.cache_dir, semantic=wanted)
    return Edition(handbook, matcher)


def _catalogues(content: Content) -> list[str]:
    return [code for code, language in content.languages.items() if language.ready]


def respond_without_storage(config: Settings) -> Callable[[Session, Message], Turn]:
    """The bot for a terminal."""
    mind = Mind(edition(config, config.content_dir))
    desk = Desk(open=False, speaks=True)
    return lambda session, message: mind.turn(session, message, Context(SystemClock().now(), "terminal", desk))


def serve(config: Settings, *, workers: bool = True) -> None:
    """Serve until told to stop."""
    asyncio.run(_serve(config, workers=workers))


async def work(config: Settings) -> None:
    """Answer and send until told to stop, without a web server."""
    async with running(config, serving=False, workers=True) as service:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        log.info("worker is ready", revision=service.mind.edition.revision)
        await stop.wait()


async def _serve(config: Settings, *, workers: bool) -> None:
    listening = listen(config.host, config.port)
    async with running(config, serving=True, workers=workers) as service:
        app = service.app()
        server = Server(
            uvicorn.Config(
                app,
                host=config.host,
                port=config.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
                proxy_headers=True,
                server_header=False,
                date_header=False,
                limit_concurrency=2000,
            )
        )
        lines = service.addresses()
        if token := await service.house.accounts.first_link():
            lines.append(f"First admin {service.base}/console/welcome/{token}  (works once, for 24 hours)")
        for line in lines:
            print(line, flush=True)  # noqa: T201 (what `make run` shows)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.ask_to_stop)
        await server.serve([listening])


@dataclass
class Service:
    """The running parts of one process."""

    config: Settings
    store: Store
    mind: Mind
    metrics: Metrics
    inbox: Inbox
    channels: Mapping[str, Channel]
    watch: ContentWatch[Edition]
    house: House
    routers: list[APIRouter] = field(default_factory=list)
    body_limits: dict[str, int] = field(default_factory=dict)

    def app(self) -> FastAPI:
        """The FastAPI app over these parts."""

        @contextlib.asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            yield

        return web.create_app(
            self.routers,
            lifespan,
            self.ready,
            https=self.config.public_url.startswith("https://"),
            metrics_token=self.config.metrics_token.get_secret_value(),
            body_limits=self.body_limits,
        )

    async def ready(self) -> dict[str, Any]:
        """What works; `ok` is False when messages cannot be answered now."""
        database, silent = True, None
        try:
            async with asyncio.timeout(2):
                depth = await self.store.read(lambda ledger: ledger.letters.depth(datetime.now(UTC)))
            self.metrics.depth(depth)
            silent = await self.watch_silence.look()
        except (StoreAwayError, TimeoutError):
            database = False
        return {
            "ok": database,
            "database": database,
            "spooled": self.inbox.spooled,
            "content": self.mind.edition.revision,
            "content_problems": len(self.watch.errors),
            "silent_minutes": int(silent.total_seconds() // 60) if silent else 0,
        }

    @property
    def watch_silence(self) -> SilenceWatch:
        """The alarm when no message comes."""
        return SilenceWatch(self.store, self.house.clock, self.metrics, self.house.options.silence)

    @property
    def base(self) -> str:
        """The service's address."""
        return base_address(self.config)

    def addresses(self) -> list[str]:
        """What to tell whoever started the service."""
        base = self.base
        lines = [f"Web chat   {base}/chat", f"Console    {base}/console", f"Health     {base}/ready"]
        lines += [f"{name.capitalize():<10} on" for name in self.channels if name != "webchat"]
        return lines


@contextlib.asynccontextmanager
async def running(config: Settings, *, serving: bool, workers: bool) -> AsyncIterator[Service]:
    """Open the store, start what this process does, and stop it in order: take in, answer, send, close."""
    sys.setswitchinterval(_TURN)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    cipher = load_cipher(config.keys.get_secret_value(), config.data_dir)
    store = await open_store(config.database, cipher)
    clock, metrics = SystemClock(), Metrics(REGISTRY)
    current = await asyncio.to_thread(edition, config, config.content_dir)
    mind = Mind(current)
    spool = Spool(config.data_dir / "spool" / "inbox", cipher)
    flood = FloodLimit(config.caller_rate, 60.0)
    chat = WebChat(hashlib.sha256(b"web chat" + cipher.lookup("web chat")).digest())
    channels: dict[str, Channel] = {chat.name: chat}
    dots = Dots(store, channels, clock, without=(chat.name,))  # its page shows them by itself
    inbox = Inbox(store, clock, metrics, spool=spool, priority=mind.priority, flood=flood, expected=dots.expect)
    watch = ContentWatch(config.content_dir, lambda: _retrained(config), mind.edition.handbook.content, today)
    house = _house(config, store, clock, mind, channels, lambda: watch.errors)
    service = Service(config, store, mind, metrics, inbox, channels, watch, house)
    telegram = _telegram(service) if config.telegram.token.get_secret_value() else None
    whatsapp = _whatsapp(service) if config.whatsapp.token.get_secret_value() else None
    if serving:
        pages = WebChatPages(chat, store, inbox.receive, lambda language: page_phrases(mind.edition.handbook, language), exit_url=config.exit_url, embed_origins=config.embed_origins)
        service.routers += [pages.router(), *Console(house).routers()]
        service.body_limits["/console/cases/"] = PARCEL_LIMIT + 1
    stop = asyncio.Event()
    tasks = [asyncio.create_task(inbox.replay(stop)), asyncio.create_task(watch.run(stop, lambda fresh: setattr(mind, "edition", fresh)))]
    executor = ThreadPoolExecutor(2, thread_name_prefix="mind")
    if workers:
        duty = DutyView(house.options.hours, house.options.times)
        worker = Worker(store, channels, mind, mind, clock, metrics, desk=duty, executor=executor)
        periodic = Periodic(store, clock, _jobs(store, clock, house, service.watch_silence))
        news = Periodic(store, clock, [Job("news", 1.0, house.newsroom.feed, lease=60.0)], tick=1.0)
        tasks += [asyncio.create_task(part.run(stop)) for part in (worker, Sender(store, channels, clock, metrics), periodic, news)]
    if telegram is not None and serving:
        await telegram.start(inbox.receive, inbox.moves)
    try:
        yield service
    finally:
        if telegram is not None and serving:
            await telegram.stop()
        stop.set()
        await dots.close()
        await asyncio.wait(tasks, timeout=15)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in (telegram, whatsapp):
            if channel is not None:
                await channel.close()
        executor.shutdown(wait=False, cancel_futures=True)
        await store.close()


def _telegram(service: Service) -> Any:
    """The Telegram channel, put among the channels and, with a public URL, behind its webhook."""
    from bot.channels.telegram import TelegramChannel

    config, mind = service.config, service.mind
    channel = TelegramChannel(
        config.telegram, lambda phrase, language: mind.edition.handbook.say(phrase, language), public_url=config.public_url  # noqa: PLW0108 (the edition changes)
    )
    service.channels[channel.name] = channel  # type: ignore[index]
    service.routers.append(channel.router())
    service.body_limits["/telegram"] = 1_000_000
    if config.telegram.desk_chat:
        channel.serve_desk(_telegram_desk(service, channel))
    return channel


def _telegram_desk(service: Service, channel: Any) -> Any:
    """The operators' group with a topic a case."""
    from bot.channels.telegram_desk import TelegramDesk
    from bot.channels.telegram_post import Words
    from bot.channels.telegram_topics import Budget, Topics

    telegram = service.config.telegram
    house, mind = service.house, service.mind
    return TelegramDesk(
        Topics(channel.client, telegram.desk_chat, Budget(telegram.desk_rate)),
        service.store,
        house.clock,
        desk=house.desk,
        roster=house.roster,
        announcer=Announcer(service.channels, house.say),
        words=Words(house.say, lambda intent, language: mind.edition.handbook.title(intent, language)),  # noqa: PLW0108 (the edition changes)
        post=ParcelPost(service.store, house.clock, house.desk),
        fetch=channel.media,
        prepare=prepared,
    )


def _whatsapp(service: Service) -> Any:
    """WhatsApp, put among the channels and behind its webhook."""
    from bot.channels.whatsapp import BODY_LIMIT, WhatsAppChannel, WhatsAppWebhook

    settings = service.config.whatsapp
    channel = WhatsAppChannel(settings)
    service.channels[channel.name] = channel  # type: ignore[index]
    webhook = WhatsAppWebhook(channel, settings, service.inbox.receive, service.inbox.statuses)
    service.routers.append(webhook.router())
    service.body_limits["/whatsapp"] = BODY_LIMIT
    return channel


def _retrained(config: Settings) -> Edition:
    """Train in a process of its own, so that answers never wait for it; then load what it made."""
    command = [sys.executable, "-m", "bot", "train", "--content", str(config.content_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own command)
    if done.returncode:
        raise ContentError(()) from SettingsError(done.stderr.strip()[-300:])
    return edition(config, config.content_dir)


def _house(
    config: Settings, store: Store, clock: SystemClock, mind: Mind, channels: Mapping[str, Channel], refused: Callable[[], Sequence[Problem]]
) -> House:
    """The operators' desk and its console."""
    times = DeskOptions(offer=config.desk_offer_seconds, vanish=config.desk_vanish_seconds)
    base = base_address(config)
    news = BroadcastOptions(config.broadcast_rate, config.hours.zone)
    silence = SilenceOptions(timedelta(minutes=config.silence_minutes), config.usual_hours)
    options = ConsoleOptions(config.hours, https=base.startswith("https://"), base=base, times=times, news=news, silence=silence, scanner=config.scanner)
    return House(store, clock, mind, channels, options, show=to_web, previews=_PREVIEWS, refused=refused)


_PREVIEWS: Mapping[str, Callable[[str], str]] = {
    "Web": to_web,
    "Telegram": to_telegram,
    "WhatsApp": lambda text: html.escape(to_whatsapp(text)),
}


def _jobs(store: Store, clock: SystemClock, house: House, silence: SilenceWatch) -> list[Job]:
    async def forget() -> None:
        purged = await purge(store, clock, Retention())
        log.info("purged", **purged.counts)

    async def fold() -> None:
        await fold_statistics(store)

    return [
        Job("desk", 5.0, house.roster.sweep),
        Job("purge", _DAY / 24, forget),
        Job("statistics", 300.0, fold),
        Job("silence", 300.0, silence.report),
        Job("logins", 3600.0, house.accounts.forget),
    ]
