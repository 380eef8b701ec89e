"""A real PostgreSQL for tests and benchmarks: found, started on a free port in a temporary folder, thrown away.

PostgreSQL refuses to run as root; then it runs as `postgres` or `nobody`. Fixtures: `postgres_url` (a server, once a
session) and `postgres_database` (an empty database in it, for one test).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

_OPTIONS = "-c listen_addresses=127.0.0.1 -c max_connections=120 -c shared_buffers=64MB"
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class Account:
    """Whom to run the server as."""

    uid: int
    gid: int


class Postgres:
    """One server. `durable=False` leaves out fsync: killed clients lose nothing by it, only a power cut would."""

    def __init__(self, *, durable: bool = False) -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError("PostgreSQL's initdb was found neither in PATH nor in /usr/lib/postgresql")
        self._binaries = found
        self._account = _account()
        self._folder = Path(tempfile.mkdtemp(prefix="hotline-pg-"))
        self.port = _free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        if self._account:
            os.chown(self._folder, self._account.uid, self._account.gid)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        self._durable = durable
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start and wait until it answers. It dies with the thread that started it, so that nothing is left behind."""
        options = [*_OPTIONS.split(), "-c", f"fsync={'on' if self._durable else 'off'}"]
        command = [
            str(self._binaries / "postgres"),
            "-D",
            str(self._data),
            "-p",
            str(self.port),
            "-k",
            str(self._folder),
        ]
        self._server = subprocess.Popen([*command, *options], preexec_fn=_die_with_parent, **self._surroundings)  # noqa: PLW1509 - one prctl
        until = time.monotonic() + 20
        while self._server.poll() is None and time.monotonic() < until:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port))
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `mode` "immediate" is a crash."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT if mode == "immediate" else signal.SIGINT)
            self._server.wait(20)
            self._server = None

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, name: str) -> str:
        """A new empty database; its URL."""
        asyncio.run(self._execute(f'CREATE DATABASE "{name}"'))
        return self.url.rsplit("/", 1)[0] + f"/{name}"

    def drop(self, name: str) -> None:
        """Away with it."""
        asyncio.run(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self._binaries / program), *arguments], check=True, **self._surroundings)

    @property
    def _surroundings(self) -> dict[str, Any]:
        """Whom and where to run as."""
        account = self._account
        return {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "stdin": subprocess.DEVNULL,
            "cwd": self._folder,
            "user": account.uid if account else None,
            "group": account.gid if account else None,
            "extra_groups": [] if account else None,
            "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(self._folder)},
        }


def _die_with_parent() -> None:
    """In the new process: be told to stop when the parent is gone (Linux: prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def binaries() -> Path | None:
    """The folder with initdb, pg_ctl and postgres; None when PostgreSQL is not installed."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0])
    )
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise RuntimeError("PostgreSQL does not run as root, and there is no other account to run it as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A server for this session (with xdist: for this worker)."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Postgres) -> str:
    """The server's URL."""
    return postgres_server.url


@pytest.fixture
def postgres_database(postgres_server: Postgres) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"test_{os.getpid()}_{next(_counter)}"
    yield postgres_server.create(name)
    postgres_server.drop(name)
