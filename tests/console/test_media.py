"""Callers' files: told by their bytes, without metadata, never stored, seen only by those who may."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.console.media import part, sniffed
from bot.console.photo import without_metadata
from bot.dialogue.message import Kind, Media
from bot.errors import GaveUpError
from bot.hotline.ports import Store
from bot.hotline.team import Role
from tests.builders.console import ConsoleHouse

PLACE = b"GPS 43.2220N 76.8512E"


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def exif(orientation: int = 6) -> bytes:
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entries + b"\0\0\0\0" + PLACE


def jpeg() -> bytes:
    frame = segment(0xC0, b"\x08\0\x01\0\x01\x01\x01\x11\0")
    scan = segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x12\x34\xff\0\x56\xff\xd9"
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0") + segment(0xE1, exif()) + segment(0xFE, PLACE) + segment(
        0xDB, b"\0" * 65
    ) + frame + segment(0xC4, b"\0" * 20) + scan + PLACE


def png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"tEXt", PLACE) + chunk(b"eXIf", PLACE) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def webp() -> bytes:
    chunks = b"VP8X" + struct.pack("<I", 10) + bytes((0x0C,)) + b"\0" * 9
    chunks += b"VP8L" + struct.pack("<I", 5) + b"\x2f\0\0\0\0\0" + b"EXIF" + struct.pack("<I", len(PLACE)) + PLACE + b"\0"
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


@pytest.mark.parametrize(("data", "kind"), [(jpeg(), "image/jpeg"), (png(), "image/png"), (webp(), "image/webp")])
def test_place_and_comments_go_the_picture_stays(data: bytes, kind: str) -> None:
    assert sniffed(data) == kind
    clean = without_metadata(data, kind)
    assert PLACE not in clean
    assert b"GPS" not in clean
    assert sniffed(clean) == kind
    assert without_metadata(clean, kind) == clean
    if kind == "image/jpeg":
        assert clean.endswith(b"\xff\xd9")
        assert b"\x01\x12\0\x03\0\0\0\x01\0\x06" in clean  # which side is up is kept
        assert segment(0xDB, b"\0" * 65) in clean
    if kind == "image/png":
        assert b"IDAT" in clean
        assert clean.endswith(struct.pack(">I", zlib.crc32(b"IEND")))
    if kind == "image/webp":
        assert clean[20] & 0x0C == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([jpeg, png, webp]), st.integers(0, 200))
def test_broken_pictures_are_cut_not_raised(noise: bytes, make: object, place: int) -> None:
    data = make()  # type: ignore[operator]
    hurt = data[:place] + noise + data[place:]
    for kind in ("image/jpeg", "image/png", "image/webp"):
        assert isinstance(without_metadata(hurt, kind), bytes)


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"OggS\0\x02", "audio/ogg"), (b"\0\0\0\x20ftypisom", "video/mp4"), (b"<svg onload=alert(1)>", "application/octet-stream"),
        (b"<!doctype html><script>", "application/octet-stream"), (b"%PDF-1.7", "application/pdf"), (b"", "application/octet-stream"),
    ],
)  # fmt: skip
def test_only_harmless_types_are_shown(first: bytes, kind: str) -> None:
    assert sniffed(first) == kind


@pytest.fixture
def house(sqlite_store: Store) -> ConsoleHouse:
    return ConsoleHouse(sqlite_store)


async def sent(house: ConsoleHouse, files: dict[str, bytes], reference: str, kind: Kind, name: str = "") -> tuple[str, int]:
    async def media(asked: str) -> AsyncIterator[bytes]:
        if asked not in files:
            raise GaveUpError
        yield files[asked][:10]
        yield files[asked][10:]

    house.channel.media = media  # type: ignore[method-assign]
    case = await house.ask("person")
    await house.house.hear("", kind=kind, media=Media(reference, "text/html", 10, name))
    await house.house.quiet()
    return case.id, (await house.house.lines())[-1].id - 1


async def test_a_photo_is_shown_without_its_place(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    case, _ = await sent(house, {"f1": jpeg()}, "f1", Kind.PHOTO, "../../etc/<script>.html")
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    line = next(line.id for line in await house.house.lines() if line.kind == "photo")
    answer = await member.get(f"/console/cases/{case}/media/{line}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"] == f'inline; filename="{case[:8]}-{line}.jpg"'
    assert PLACE not in answer.content
    assert [entry.act for entry in await house.read(lambda ledger: ledger.office.audit.page(1))] == ["file opened"]


async def test_a_web_page_is_only_downloaded(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    case, _ = await sent(house, {"f1": b"<!doctype html><script>alert(1)</script>"}, "f1", Kind.DOCUMENT, "photo.jpg")
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    line = next(line.id for line in await house.house.lines() if line.kind == "document")
    answer = await member.get(f"/console/cases/{case}/media/{line}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_who_may_not_see_the_case_sees_no_file(house: ConsoleHouse) -> None:
    member, stranger = await house.enter("Member"), await house.enter("Stranger", Role.OPERATOR)
    case, _ = await sent(house, {"f1": jpeg()}, "gone", Kind.PHOTO)
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    line = next(line.id for line in await house.house.lines() if line.kind == "photo")
    assert (await stranger.get(f"/console/cases/{case}/media/{line}")).status_code == 404
    assert (await member.get(f"/console/cases/{case}/media/{line}")).status_code == 404  # the platform lost it
    text = next(line.id for line in await house.house.lines() if line.kind == "text")
    assert (await member.get(f"/console/cases/{case}/media/{text}")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("bytes=0-", (0, 100)), ("bytes=10-19", (10, 20)), ("bytes=90-500", (90, 100)), ("bytes=-7", (93, 100)), ("bytes=-500", (0, 100)),
        ("bytes=100-", None), ("bytes=20-10", None), ("bytes=-", None), ("bytes=0-1,5-6", None), ("lines=1-2", None), ("", None), ("bytes=-0", None),
    ],
)  # fmt: skip
def test_parts_of_a_file(asked: str, given: tuple[int, int] | None) -> None:
    assert part(asked, 100) == given


async def test_a_voice_message_is_played_in_parts_and_that_is_one_opening(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    voice = b"OggS\0\x02" + bytes(range(100))
    case, _ = await sent(house, {"f1": voice}, "f1", Kind.VOICE)
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    line = next(line.id for line in await house.house.lines() if line.kind == "voice")
    url = f"/console/cases/{case}/media/{line}"
    whole = await member.get(url)
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, voice, "bytes")
    first = await member.get(url, headers={"Range": "bytes=0-"})
    assert (first.status_code, first.content) == (206, voice)
    assert first.headers["content-range"] == f"bytes 0-{len(voice) - 1}/{len(voice)}"
    later = await member.get(url, headers={"Range": "bytes=50-59"})
    assert (later.status_code, later.content) == (206, voice[50:60])
    opened = [entry for entry in await house.read(lambda ledger: ledger.office.audit.page(9)) if entry.act == "file opened"]
    assert len(opened) == 2
