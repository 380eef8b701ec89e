"""A real `hotline serve` process, started as a user would start it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_START = 60.0  # seconds: generous, since several test processes share the machine


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def share_models(data: Path) -> None:
    """Put the models that `make install` trained into a data directory, so that a test starts in seconds."""
    trained = Path(os.environ.get("HOTLINE_TRAINED", ROOT / "data")) / "models"
    target = data / "models"
    if trained.is_dir() and not target.exists():
        shutil.copytree(trained, target, copy_function=os.link)


@dataclass
class Serving:
    """One process on one data directory; may be killed and started again."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    arguments: tuple[str, ...] = ("serve",)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """All that it printed, over all starts."""
        return self.data / "serve.log"

    def environment(self) -> dict[str, str]:
        """What the process sees."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HOTLINE_") or key == "HOTLINE_SEMANTIC"}
        return {**kept, "HOTLINE_DATA_DIR": str(self.data), "HOTLINE_PORT": str(self.port), "OMP_NUM_THREADS": "1", **self.settings}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `hotline` command on the same data."""
        command = [sys.executable, "-m", "bot", *arguments]
        return subprocess.run(command, env=self.environment(), cwd=ROOT, capture_output=True, text=True, check=False)

    def start(self) -> Serving:
        """Start, and wait until it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        share_models(self.data)
        arguments = self.arguments
        if "serve" in arguments:
            arguments += ("--migrate",)
        else:
            migrated = self.run("migrate")
            assert migrated.returncode == 0, migrated.stderr
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments], env=self.environment(), cwd=ROOT, stdout=log, stderr=log
            )
        if "serve" in self.arguments:
            self._wait()
        return self

    def _wait(self) -> None:
        end = time.monotonic() + _START
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            with (
                contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
                urllib.request.urlopen(f"{self.url}/ready", timeout=2) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def kill(self) -> None:
        """kill -9."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextlib.contextmanager
def serving(data: Path, **settings: str) -> Iterator[Serving]:
    """A running service for the length of a test."""
    service = Serving(data, settings)
    try:
        yield service.start()
    finally:
        service.stop()
        service.kill()
