"""A broken file while serving: the editor reads what is wrong and where, and it goes away when mended."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import Serving
from tests.console.crew import Crew

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]
FILE = "danger/documents_taken.yaml"


@pytest.fixture
def content(settings: dict[str, str], own_settings: dict[str, str], tmp_path: Path) -> Path:
    """A copy of the content for this test alone, before the service starts."""
    copy = tmp_path / "intents"
    shutil.copytree(settings["HOTLINE_CONTENT_DIR"], copy)
    for path in copy.rglob("*.yaml"):  # a part of the topics: what points to the others goes
        rows = path.read_text("utf-8").splitlines(keepends=True)
        path.write_text("".join(row for row in rows if not row.startswith("see_also: [")), "utf-8")
    own_settings["HOTLINE_CONTENT_DIR"] = str(copy)
    return copy


def test_refused_content_is_shown_to_editors_until_it_is_mended(content: Path, service: Serving, crew: Crew) -> None:
    editor = crew.join("Editor", "editor")
    page = editor.page
    page.goto("/console/content")
    expect(page.get_by_role("heading", name="What the bot knows")).to_be_visible()
    expect(page.locator("#refused .notice")).to_have_count(0)
    whole = (content / FILE).read_text("utf-8")
    (content / FILE).write_text(whole.replace("urgency: urgent", "urgency: terrible"), "utf-8")
    notice = page.locator("#refused .notice")
    expect(notice).to_contain_text("were not taken: 1", timeout=20_000)  # by itself
    line = 1 + whole[: whole.index("urgency: urgent")].count("\n")
    expect(notice.locator("code")).to_have_text(f"intents/{FILE}:{line}")
    expect(notice).to_contain_text("Callers still get the last good content")
    expect(notice.locator("li b")).to_contain_text("emergency")  # what to do: which values there are
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    assert "паспорт" in caller.say("у меня забрали паспорт").lower()
    (content / FILE).write_text(whole, "utf-8")
    expect(notice).to_have_count(0, timeout=20_000)
    assert editor.problems == []
