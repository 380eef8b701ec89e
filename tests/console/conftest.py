"""A real service with a fixed copy of the content, a model trained once, a browser, and people who work there."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.acceptance.serving import ROOT, Serving, serving
from tests.console.crew import Crew
from tests.postgres import postgres_server
from tests.storage.stores import sqlite_store, sqlite_url

__all__ = ["postgres_server", "sqlite_store", "sqlite_url"]

_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
_TOPICS = ("service", "danger", "work")  # enough for these talks, and trained in half the time
_CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with a copy of the content and a model for it, trained by the first test process that asks."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "console"
    shared.mkdir(exist_ok=True)
    content, trained = shared / "intents", shared / "data"
    chosen = {"HOTLINE_CONTENT_DIR": str(content), "HOTLINE_SEMANTIC": "false"}
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (trained / "models").exists():
            content.mkdir(exist_ok=True)
            for path in (ROOT / "intents").glob("*.yaml"):
                shutil.copy(path, content)
            for topic in _TOPICS:
                shutil.copytree(ROOT / "intents" / topic, content / topic, dirs_exist_ok=True)
            seed = Path(os.environ.get("HOTLINE_TRAINED", ROOT / "data")) / "models"
            if seed.is_dir():
                shutil.copytree(seed, trained / "models")
            environment = {**os.environ, **chosen, "HOTLINE_DATA_DIR": str(trained)}
            subprocess.run([sys.executable, "-m", "bot", "train"], env=environment, cwd=ROOT, check=True, capture_output=True)
    return {**chosen, "models": str(trained / "models")}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser; it must be gone before tests with an event loop of their own run."""
    assert _CHROMIUM, "Chromium is needed: make browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def own_settings() -> dict[str, str]:
    """Settings that a fixture adds before the service starts."""
    return {}


@pytest.fixture
def service(tmp_path: Path, settings: dict[str, str], own_settings: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Serving]:
    """A service with an empty database; `@pytest.mark.parametrize("service", [{…}], indirect=True)` adds settings."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copytree(settings["models"], data / "models", copy_function=os.link)
    more = {key: value for key, value in settings.items() if key.startswith("HOTLINE_")} | getattr(request, "param", {}) | own_settings
    with serving(data, **more) as running:
        yield running


@pytest.fixture
def crew(service: Serving, chromium: Browser) -> Iterator[Crew]:
    made = Crew(service, chromium)
    yield made
    made.leave()
