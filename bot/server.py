"""The web server: takes its port first, and stops in order when it is told to."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from bot.errors import SettingsError


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is begun. Raises SettingsError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise SettingsError(f"HOTLINE_HOST or HOTLINE_PORT: cannot listen on {host}:{port} ({error.strerror}). Is it in use already?") from error
    return listening


class Server(uvicorn.Server):
    """uvicorn that leaves signals to us: it would end the process by the signal, before what is in hand is finished."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def ask_to_stop(self) -> None:
        """Stop in order: streams end, requests in hand are answered; asked again, cut the connections."""
        self.config.app.state.stopping.set()  # type: ignore[union-attr]
        self.force_exit = self.should_exit
        self.should_exit = True
