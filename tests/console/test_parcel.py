"""Files from an operator to the caller: freed of metadata, encrypted at rest, delivered in each channel, gone with the case."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bot.channels.telegram_payload import payloads as telegram_payloads
from bot.channels.whatsapp_payload import payloads as whatsapp_payloads
from bot.dialogue.reply import Attachment, Reply
from bot.hotline.parcel import LIMIT
from bot.hotline.ports import Store
from tests.acceptance.serving import Serving
from tests.builders.console import ConsoleHouse
from tests.console.crew import Crew
from tests.console.test_media import PLACE, jpeg, png


@pytest.fixture
def house(sqlite_store: Store) -> ConsoleHouse:
    return ConsoleHouse(sqlite_store)


async def test_a_photo_goes_out_without_its_place_and_is_kept_encrypted(house: ConsoleHouse, tmp_path: Path) -> None:
    member, stranger = await house.enter("Member"), await house.enter("Stranger")
    case = await house.ask("person")
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    url, photo = f"/console/cases/{case.id}/file?client_id=one-client-id", jpeg()
    assert PLACE in photo
    for _ in range(2):  # a double click
        assert (await member.send(url, photo)).status_code == 204
    await house.house.quiet()
    ((address, name, data),) = house.channel.files
    assert (address, name) == ("caller", "photo.jpg")
    assert data.startswith(b"\xff\xd8\xff")
    assert PLACE not in data
    line = next(line for line in await house.house.lines() if line.detail.get("file"))
    shown = await member.get(f"/console/cases/{case.id}/sent/{line.id}")
    assert shown.content == data
    assert "sandbox" in shown.headers["content-security-policy"]
    assert (await stranger.get(f"/console/cases/{case.id}/sent/{line.id}")).status_code == 404
    assert f"/sent/{line.id}" in (await member.get(f"/console/cases/{case.id}/lines")).text
    assert not any(data[20:60] in path.read_bytes() for path in tmp_path.glob("hotline.db*"))
    conversation = await house.house.conversation()
    await house.store.transact(lambda ledger: ledger.cases.forget(house.clock.now(), 10))  # open: stays
    assert await house.read(lambda ledger: ledger.office.parcels.get(line.detail["file"]["id"], conversation.id))
    await house.desk.close(case.id, member.staff, "answered")  # type: ignore[arg-type]
    house.clock.move(days=1)
    await house.store.transact(lambda ledger: ledger.cases.forget(house.clock.now(), 10))
    assert not await house.read(lambda ledger: ledger.office.parcels.get(line.detail["file"]["id"], conversation.id))


@pytest.mark.parametrize("data", [b"", b"<script>alert(1)</script>", b"MZ\x90\0", b"%PDF-1.7" + b"x" * LIMIT])
async def test_other_types_and_sizes_are_refused(house: ConsoleHouse, data: bytes) -> None:
    member = await house.enter("Member")
    case = await house.ask("person")
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    answer = await member.send(f"/console/cases/{case.id}/file?client_id=one-client-id", data)
    assert 400 <= answer.status_code < 500
    assert house.channel.files == []


async def test_a_channel_without_files_says_so(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    case = await house.ask("person")
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    house.channel.can_send_files = False
    assert "This channel takes no files." in (await member.get(f"/console/cases/{case.id}")).text
    refused = await member.send(f"/console/cases/{case.id}/file?client_id=one-client-id", png())
    assert refused.status_code == 409


def test_telegram_and_whatsapp_send_the_file_before_the_text() -> None:
    file = Attachment("f" * 32, "photo", "image/png", "photo.png", 9)
    for payloads in (telegram_payloads, whatsapp_payloads):
        assert [set(p) & {"file", "text"} for p in payloads(Reply("", attachment=file))] == [{"file"}]
        assert [set(p) & {"file", "text"} for p in payloads(Reply("hi", attachment=file))] == [{"file"}, {"text"}]


@pytest.mark.browser
@pytest.mark.timeout(480)
def test_from_the_composer_to_the_callers_phone(service: Serving, crew: Crew, tmp_path: Path) -> None:
    dina = crew.join("Dina")
    dina.begin_shift()
    phone = crew.browser.new_context(base_url=service.url, viewport={"width": 360, "height": 640}).new_page()
    phone.goto("/chat")
    phone.get_by_role("button", name="Русский").click()
    phone.get_by_role("button", name="Живой человек").click()
    expect(dina.page.locator(".counts .level-normal dd")).to_have_text("1", timeout=15_000)
    dina.take_next()
    shot = tmp_path / "map of the office.png"
    dina.page.screenshot(path=shot)
    dina.page.locator("#file").set_input_files(shot)
    expect(dina.page.locator("#parcel-name")).to_contain_text("map of the office.png")
    dina.page.get_by_role("button", name="Send the file").click()
    expect(dina.page.locator("#lines .person a")).to_have_text("Show the photo")
    expect(dina.page.locator("#parcel")).to_be_hidden()
    phone.get_by_role("button", name=re.compile("Показать фото")).click(timeout=10_000)
    image = phone.locator(".bubble.person img")
    expect(image).to_be_visible()
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") == 1280
    assert dina.problems == []
    phone.context.close()
