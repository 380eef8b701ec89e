"""The measure of the price of durability: a bare python-telegram-bot echo bot behind an HTTP door."""

from __future__ import annotations

import asyncio
import itertools
import signal

from aiohttp import web
from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

_numbers = itertools.count(1)


def echo(port: int, base_url: str) -> None:
    """Run until SIGTERM."""
    asyncio.run(_run(port, base_url))


async def _reply(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    if update.message:
        await update.message.reply_text(update.message.text or "")


async def _run(port: int, base_url: str) -> None:
    builder = Application.builder().token("1:x").base_url(base_url).updater(None).concurrent_updates(64)
    application = builder.connection_pool_size(64).pool_timeout(30).build()
    application.add_handler(MessageHandler(filters.TEXT, _reply))

    async def take(request: web.Request) -> web.Response:
        data = await request.json()
        caller = int(data["from"][1:])
        body = {
            "update_id": next(_numbers),
            "message": {
                "message_id": next(_numbers),
                "date": 0,
                "chat": {"id": caller, "type": "private"},
                "from": {"id": caller, "is_bot": False, "first_name": "c"},
                "text": data["text"],
            },
        }
        await application.update_queue.put(Update.de_json(body, application.bot))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with application:
        await application.start()
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=512).start()
        await stop.wait()
        await runner.cleanup()
        await application.stop()
