"""Telegram's JSON, both ways, as tables; and limits for any text there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.telegram_payload import arrival, payloads, plain, update_number
from bot.dialogue.message import Kind, Message
from bot.dialogue.reply import Button, Reply
from bot.hotline.records import Move
from tests.fakes.telegram_html import parse, units
from tests.fakes.telegram_methods import checked_markup

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CALLER = 42
PRIVATE: dict[str, Any] = {"id": CALLER, "type": "private", "first_name": "A"}
GROUP: dict[str, Any] = {"id": -1001, "type": "supergroup", "title": "G"}
PERSON: dict[str, Any] = {"id": CALLER, "is_bot": False, "first_name": "A", "language_code": "ru-RU"}
FILE = {"file_id": "f1", "file_unique_id": "u1"}
VIDEO = {**FILE, "width": 1, "height": 1, "duration": 9}
PLACE = {"latitude": 43.25, "longitude": 76.95}


def message(**fields: Any) -> dict[str, Any]:
    """A private message of 12:00."""
    return {"message_id": 7, "date": int(NOW.timestamp()), "chat": PRIVATE, "from": PERSON, **fields}


def heard(update: dict[str, Any]) -> Message | None:
    """What one update makes of itself, or None."""
    envelope = arrival({"update_id": 5, **update}, NOW).envelope
    if envelope is None:
        return None
    assert (envelope.channel, envelope.external_id, envelope.sender) == ("telegram", "5", str(CALLER))
    return envelope.message


def test_a_text() -> None:
    found = heard({"message": message(text="Паспорт \x00алып койду")})
    assert found == Message(Kind.TEXT, NOW, "Паспорт алып койду", language_hint="ru", reference="7")


@pytest.mark.parametrize(
    ("text", "command", "rest"),
    [
        ("/start", "start", ""),
        ("/start  campaign_7", "start", "campaign_7"),
        ("/Menu@test_bot", "menu", ""),
        ("/help me\nplease", "help", "me\nplease"),
        (" /exit ", "exit", ""),
    ],
)
def test_commands(text: str, command: str, rest: str) -> None:
    found = heard({"message": message(text=text)})
    assert found is not None
    assert (found.kind, found.command, found.text) == (Kind.COMMAND, command, rest)


@pytest.mark.parametrize("text", ["/", "/стоп", "/a-b", "и/или", "5/6"])
def test_what_only_looks_like_a_command(text: str) -> None:
    found = heard({"message": message(text=text)})
    assert found is not None
    assert (found.kind, found.text) == (Kind.TEXT, text)


@pytest.mark.parametrize(
    ("content", "kind", "mime"),
    [
        ({"voice": {**FILE, "duration": 9, "mime_type": "audio/ogg"}}, Kind.VOICE, "audio/ogg"),
        ({"audio": {**FILE, "duration": 9, "mime_type": "audio/mpeg"}}, Kind.VOICE, "audio/mpeg"),
        ({"video_note": {**FILE, "duration": 9, "length": 240}}, Kind.VOICE, "video/mp4"),
        ({"video": VIDEO}, Kind.VIDEO, "video/mp4"),
        ({"animation": VIDEO, "document": FILE}, Kind.VIDEO, "video/mp4"),
        ({"photo": [{**FILE, "file_id": "s", "width": 1, "height": 1}, {**FILE, "width": 9, "height": 9}]}, Kind.PHOTO, "image/jpeg"),
        ({"document": {**FILE, "mime_type": "application/pdf", "file_name": "x.pdf"}}, Kind.DOCUMENT, "application/pdf"),
        ({"sticker": {**FILE, "type": "regular", "width": 1, "height": 1, "is_animated": False, "is_video": False}}, Kind.STICKER, "image/webp"),
    ],
)  # fmt: skip
def test_files(content: dict[str, Any], kind: Kind, mime: str) -> None:
    found = heard({"message": message(caption="что это", **content)})
    assert found is not None
    assert found.media is not None
    assert (found.kind, found.text, found.media.reference, found.media.mime) == (kind, "что это", "f1", mime)
    if kind is Kind.VOICE:
        assert found.media.duration == 9


@pytest.mark.parametrize(
    "content", [{"location": PLACE}, {"location": PLACE, "venue": {"location": PLACE, "title": "t", "address": "a"}}]
)
def test_places(content: dict[str, Any]) -> None:
    found = heard({"message": message(**content)})
    assert found is not None
    assert (found.kind, found.place, found.text) == (Kind.LOCATION, (43.25, 76.95), "")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"contact": {"phone_number": "+7701", "first_name": "A"}}, Kind.CONTACT),
        ({"dice": {"emoji": "🎲", "value": 3}}, Kind.OTHER),
        ({"something_of_2027": {"x": 1}}, Kind.OTHER),
        ({"voice": {"no": "file_id"}}, Kind.OTHER),
    ],
)
def test_the_rest(content: dict[str, Any], kind: Kind) -> None:
    found = heard({"message": message(**content)})
    assert found is not None
    assert (found.kind, found.text) == (kind, "")


@pytest.mark.parametrize(
    "update",
    [
        {"message": message(message_auto_delete_timer_changed={"message_auto_delete_time": 86400})},
        {"message": message(pinned_message=message(text="x"))},
        {"message": {**message(text="hello"), "chat": GROUP}},
        {"edited_message": message(location=PLACE, edit_date=1)},
        {"edited_message": {**message(location=PLACE, edit_date=1), "chat": GROUP}},
        {"poll": {}},
        {"my_chat_member": {"chat": PRIVATE, "from": PERSON, "date": 1, "old_chat_member": {"user": PERSON, "status": "kicked", "until_date": 0}, "new_chat_member": {"user": PERSON, "status": "member"}}},
        {"message_reaction": {"chat": PRIVATE, "message_id": 1, "date": 1, "old_reaction": [], "new_reaction": []}},
    ],
)  # fmt: skip
def test_what_nobody_expects_an_answer_to(update: dict[str, Any]) -> None:
    assert heard(update) is None


def test_a_live_location_that_moves() -> None:
    later = int(NOW.timestamp()) + 60
    moved = message(location={"latitude": 43.5, "longitude": 77, "live_period": 900}, edit_date=later)
    found = arrival({"update_id": 3, "edited_message": moved}, NOW)
    assert found.envelope is None
    assert found.move == Move("telegram", str(CALLER), "7", (43.5, 77.0), NOW + timedelta(seconds=60))
    elsewhere = arrival({"update_id": 3, "edited_message": {**moved, "chat": GROUP}}, NOW)
    nowhere = arrival({"update_id": 3, "edited_message": {**moved, "location": {"latitude": 430, "longitude": 7}}}, NOW)
    assert (elsewhere.move, nowhere.move) == (None, None)


def test_an_edit() -> None:
    later = int(NOW.timestamp()) + 60
    found = heard({"edited_message": message(text="иначе", edit_date=later)})
    assert found is not None
    assert (found.kind, found.text, found.reference, found.sent_at.minute) == (Kind.EDITED, "иначе", "7", 1)


def test_a_press() -> None:
    keyboard = {
        "inline_keyboard": [[{"text": "Работа", "callback_data": "t:work"}, {"text": "Другое", "callback_data": "x"}]]
    }
    query = {
        "id": "q",
        "from": PERSON,
        "chat_instance": "1",
        "data": "t:work",
        "message": message(text="?", reply_markup=keyboard),
    }
    found = arrival({"update_id": 5, "callback_query": query}, NOW)
    assert found.press is not None
    assert (found.press.query, found.press.chat, found.press.message) == ("q", CALLER, 7)
    assert heard({"callback_query": query}) == Message(Kind.CHOICE, NOW, "Работа", choice="t:work", language_hint="ru")


def test_a_press_on_a_message_that_telegram_forgot() -> None:
    old = {"chat": PRIVATE, "message_id": 3, "date": 0}
    found = heard({"callback_query": {"id": "q", "from": PERSON, "chat_instance": "1", "data": "menu", "message": old}})
    assert found is not None
    assert (found.choice, found.text) == ("menu", "")


def test_a_press_in_a_group_is_acknowledged_only() -> None:
    query = {
        "id": "q",
        "from": PERSON,
        "chat_instance": "1",
        "data": "menu",
        "message": {**message(text="?"), "chat": GROUP},
    }
    found = arrival({"update_id": 5, "callback_query": query}, NOW)
    assert found.envelope is None
    assert found.press is not None


def membership(chat: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The bot's own place in a chat changes."""
    states: dict[str, dict[str, Any]] = {status: {"user": PERSON, "status": status} for status in ("member", "left")}
    states["kicked"] = {"user": PERSON, "status": "kicked", "until_date": 0}
    return {
        "chat": chat,
        "from": PERSON,
        "date": int(NOW.timestamp()),
        "old_chat_member": states[old],
        "new_chat_member": states[new],
    }


def test_blocked() -> None:
    found = heard({"my_chat_member": membership(PRIVATE, "member", "kicked")})
    assert found == Message(Kind.LEFT, NOW)


def test_put_into_a_group() -> None:
    found = arrival({"update_id": 5, "my_chat_member": membership(GROUP, "left", "member")}, NOW)
    assert found.envelope is None
    assert found.invitation is not None
    assert (found.invitation.chat, found.invitation.language) == (-1001, "ru")
    assert arrival({"update_id": 5, "my_chat_member": membership(GROUP, "member", "left")}, NOW).invitation is None


def test_a_reaction() -> None:
    new = [{"type": "emoji", "emoji": "👍"}]
    found = heard(
        {
            "message_reaction": {
                "chat": PRIVATE,
                "message_id": 1,
                "date": int(NOW.timestamp()),
                "old_reaction": [],
                "new_reaction": new,
            }
        }
    )
    assert found == Message(Kind.REACTION, NOW, "👍")


@pytest.mark.parametrize("raw", [None, 5, [], {}, {"update_id": "5"}, {"update_id": True}])
def test_no_update(raw: object) -> None:
    assert update_number(raw) is None


def test_a_reply_with_buttons() -> None:
    reply = Reply(
        "**Да** & <нет>",
        (Button("a", "Да"), Button("b", "Нет"), Button("c", "Длинное название кнопки"), Button("d", "Ещё")),
        columns=2,
    )
    (made,) = payloads(reply)
    assert (made["text"], made["parse_mode"]) == ("<b>Да</b> &amp; &lt;нет&gt;", "HTML")
    rows = made["reply_markup"]["inline_keyboard"]
    assert [[b["callback_data"] for b in row] for row in rows] == [["a", "b"], ["c"], ["d"]]


def test_final_takes_the_keyboard_away() -> None:
    assert payloads(Reply("Пока", final=True))[0]["reply_markup"] == {"remove_keyboard": True}


def test_call_buttons_become_text() -> None:
    (made,) = payloads(
        Reply("Номер:", (Button("", "Линия 11616", "tel:11616"), Button("", "Сайт", "https://example.org")))
    )
    assert made["text"] == "Номер:\nЛиния 11616: 11616"
    assert made["reply_markup"]["inline_keyboard"] == [[{"text": "Сайт", "url": "https://example.org"}]]


def test_long_answers_are_split_at_paragraphs() -> None:
    paragraphs = [f"{n} " + "слово " * 200 for n in range(9)]
    made = payloads(Reply("\n\n".join(paragraphs), (Button("a", "Да"),)))
    assert [piece["text"][0] for piece in made] == ["0", "3", "6"]
    assert ["reply_markup" in piece for piece in made] == [False, False, True]


def test_marks_do_not_count() -> None:
    assert len(payloads(Reply("**a** " * 1300))) == 1


def test_callback_data_is_counted_in_bytes() -> None:
    (made,) = payloads(Reply("?", (Button("ж" * 40, "Да"),)))
    assert made["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "ж" * 32


def test_plain() -> None:
    assert plain('<b>a</b> &lt;b&gt; <a href="https://x.org?a=1&amp;b">там</a>') == "a <b> там: https://x.org?a=1&b"


MARKED = st.lists(
    st.sampled_from(["**", "_", "[a](https://x.org)", "\n\n", "\n", " ", "<b>", "&lt;", "😀", "слово", "11616", "."]),
    max_size=60,
).map("".join)
TEXTS = st.text(max_size=300) | MARKED | st.tuples(MARKED, st.integers(1, 400)).map(lambda pair: pair[0] * pair[1])
BUTTONS = st.builds(
    Button, st.text(max_size=80), st.text(max_size=24), st.sampled_from(["", "", "tel:112", "https://x.org"])
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.lists(BUTTONS, max_size=10), st.integers(1, 3), st.booleans())
def test_whatever_is_said_telegram_takes_it(text: str, buttons: list[Button], columns: int, final: bool) -> None:
    reply = Reply(text, tuple(buttons), columns, final)
    made = payloads(reply)
    for piece in made:
        visible, _ = parse(piece["text"])
        assert 1 <= units(visible) <= 4096
        checked_markup(piece.get("reply_markup"))
    assert made == payloads(reply)
    words = "".join(parse(piece["text"])[0] for piece in made)
    assert text.count("слово") == words.count("слово") or units(text) > 4096
