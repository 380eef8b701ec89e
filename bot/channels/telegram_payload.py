"""Telegram's JSON: an update becomes an `Arrival`, a `Reply` becomes the parameters of sendMessage. Pure.

Limits and meanings are those of https://core.telegram.org/bots/api (Bot API 9).
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from telegram import CallbackQuery, ChatMemberUpdated, InlineKeyboardMarkup, MessageReactionUpdated, Update
from telegram import Message as TelegramMessage
from telegram.constants import ChatMemberStatus, ChatType
from telegram.warnings import PTBDeprecationWarning

from bot.channels.markup import split, to_telegram
from bot.dialogue.message import Envelope, Kind, Media, Message
from bot.dialogue.reply import BUTTON_ID_LIMIT, TEXT_LIMIT, Button, Reply
from bot.hotline.records import Move

NAME: Final = "telegram"
ALLOWED_UPDATES: Final = ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member")
_SIDE_BY_SIDE: Final = 18  # characters: two longer titles are cut off on a narrow phone
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@\w+)?(?:\s+(.*))?", re.DOTALL)
_PRESENT = frozenset({ChatMemberStatus.MEMBER, ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.RESTRICTED})
_URL_SCHEMES = ("https://", "http://", "tg://")  # others are refused with BUTTON_URL_INVALID
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")  # no database and no UTF-8 takes these
_LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"</?[a-z][^>]*>")
_SOUNDS = ("voice", "audio", "video_note")


@dataclass(frozen=True, slots=True)
class Press:
    """A pressed button, to be acknowledged; `message` is 0 when Telegram no longer tells which."""

    query: str
    chat: int
    message: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """The bot was put into a group or channel."""

    chat: int
    language: str  # of whoever did it


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an update asks of the channel; all empty: nothing."""

    update: int
    envelope: Envelope | None = None
    press: Press | None = None
    invitation: Invitation | None = None
    move: Move | None = None


def update_number(raw: object) -> int | None:
    """The update's id, or None when this is no update."""
    number = raw.get("update_id") if isinstance(raw, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def arrival(raw: Mapping[str, Any], now: datetime) -> Arrival:
    """Read one update. `now` stands in where Telegram gives no time.

    A private message that cannot be read becomes Kind.OTHER, so that nobody is left without an answer.
    """
    number = update_number(raw)
    if number is None:
        raise ValueError("no update_id")
    try:
        found = _read(number, raw, now)
        if found.envelope:
            _check(found.envelope.message)
    except Exception:  # the library checks no types: any part of a hostile update may be anything
        return Arrival(number, _unreadable(number, raw, now))
    return found


def _read(number: int, raw: Mapping[str, Any], now: datetime) -> Arrival:
    with warnings.catch_warnings():  # the library warns of durations we never ask it for
        warnings.simplefilter("ignore", PTBDeprecationWarning)
        update = Update.de_json(dict(raw), None)
    if update.callback_query:
        return _pressed(number, update.callback_query, now)
    if update.my_chat_member:
        return _membership(number, update.my_chat_member)
    message = None
    if update.message:
        message = _message(update.message, raw["message"])
    elif update.edited_message:
        if update.edited_message.location:
            return Arrival(number, move=_move(update.edited_message))
        message = _edited(update.edited_message)
    elif update.message_reaction:
        return Arrival(number, _reaction(number, update.message_reaction))
    origin = update.message or update.edited_message
    if message is None or origin is None or origin.chat.type != ChatType.PRIVATE:
        return Arrival(number)
    return Arrival(number, _envelope(number, origin.chat.id, message))


def _check(message: Message) -> None:
    """Raises TypeError when a field is not of its type: it could be stored, but not read again."""
    media = message.media
    words = [message.text, message.choice, message.command, message.language_hint]
    words += [media.reference, media.mime, media.name] if media else []
    numbers = [media.size, media.duration] if media else []
    latitude, longitude = message.place or (0.0, 0.0)
    if not (
        isinstance(message.sent_at, datetime)
        and all(isinstance(word, str) for word in words)
        and all(isinstance(number, int) for number in numbers)
        and -90 <= latitude <= 90
        and -180 <= longitude <= 180
    ):
        raise TypeError("a field of another type")


def _envelope(number: int, chat: int, message: Message) -> Envelope:
    return Envelope(NAME, str(number), str(chat), message)


def _unreadable(number: int, raw: Mapping[str, Any], now: datetime) -> Envelope | None:
    """A message in a form of the future, as long as it says which private chat it is from."""
    inner = raw.get("message")
    chat = inner.get("chat") if isinstance(inner, Mapping) else None
    if not isinstance(chat, Mapping) or chat.get("type") != "private" or not isinstance(chat.get("id"), int):
        return None
    return _envelope(number, chat["id"], Message(Kind.OTHER, now))


def _message(message: TelegramMessage, raw: Mapping[str, Any]) -> Message | None:
    """A new message, or None for a service message (pinned, timer changed, …): a caller expects no answer to it."""
    kind, media, place = _content(message, raw)
    text, command = message.text or message.caption or "", ""
    if kind is None:
        return None
    if kind is Kind.TEXT and (found := _COMMAND.fullmatch(text.strip())):
        kind, command, text = Kind.COMMAND, found[1].lower(), (found[2] or "").strip()
    return Message(
        kind,
        message.date,
        _clean(text),
        command=command,
        media=media,
        place=place,
        language_hint=_language(message.from_user.language_code if message.from_user else None),
        reference=str(message.message_id),
    )


def _content(
    message: TelegramMessage, raw: Mapping[str, Any]
) -> tuple[Kind | None, Media | None, tuple[float, float] | None]:
    """Kind, file and place. Animations carry a `document` too, and venues a `location`: those are looked at first."""
    if message.text is not None:
        return Kind.TEXT, None, None
    for name in _SOUNDS:
        if file := getattr(message, name):
            return Kind.VOICE, _media(file, raw.get(name), "video/mp4" if name == "video_note" else "audio/ogg"), None
    if message.photo:
        return Kind.PHOTO, _media(message.photo[-1], None, "image/jpeg"), None
    if video := message.video or message.animation:
        return Kind.VIDEO, _media(video, raw.get("video") or raw.get("animation"), "video/mp4"), None
    if message.document:
        return Kind.DOCUMENT, _media(message.document, None, ""), None
    if message.sticker:
        return Kind.STICKER, Media(message.sticker.file_id, "image/webp", message.sticker.file_size or 0), None
    if location := message.venue.location if message.venue else message.location:
        return Kind.LOCATION, None, (location.latitude, location.longitude)
    if message.contact:
        return Kind.CONTACT, None, None
    # What this library does not know yet stands in `api_kwargs`: it may be a new kind of content.
    return (Kind.OTHER if message.effective_attachment or message.api_kwargs else None), None, None


def _media(file: Any, raw: object, mime: str) -> Media:
    """`raw` has the duration in seconds, which the library is about to change to another type."""
    duration = raw.get("duration", 0) if isinstance(raw, Mapping) else 0
    return Media(
        file.file_id,
        mime=getattr(file, "mime_type", None) or mime,
        size=file.file_size or 0,
        name=_clean(getattr(file, "file_name", None) or "")[:200],
        duration=int(duration),
    )


def _edited(message: TelegramMessage) -> Message | None:
    """New words for an old message."""
    text = message.text or message.caption
    if not text:
        return None
    return Message(
        Kind.EDITED,
        message.edit_date or message.date,
        _clean(text),
        language_hint=_language(message.from_user.language_code if message.from_user else None),
        reference=str(message.message_id),
    )


def _move(message: TelegramMessage) -> Move | None:
    """A live location moved; it does so many times a minute, and when its time is over."""
    location = message.location
    if location is None or message.chat.type != ChatType.PRIVATE:
        return None
    place = float(location.latitude), float(location.longitude)
    if not (-90 <= place[0] <= 90 and -180 <= place[1] <= 180):
        return None
    return Move(NAME, str(message.chat.id), str(message.message_id), place, message.edit_date or message.date)


def _pressed(number: int, query: CallbackQuery, now: datetime) -> Arrival:
    message = query.message
    if message is None:
        return Arrival(number, press=Press(query.id, 0, 0))
    press = Press(query.id, message.chat.id, message.message_id)
    if message.chat.type != ChatType.PRIVATE or not query.data:
        return Arrival(number, press=press)
    said = Message(
        Kind.CHOICE,
        now,  # a press has no time of its own
        _title(message.reply_markup if isinstance(message, TelegramMessage) else None, query.data),
        choice=_clean(query.data),
        language_hint=_language(query.from_user.language_code),
    )
    return Arrival(number, _envelope(number, message.chat.id, said), press)


def _title(keyboard: InlineKeyboardMarkup | None, data: str) -> str:
    """What stood on the pressed button, for the transcript."""
    rows = keyboard.inline_keyboard if keyboard else ()
    return next((_clean(button.text)[:64] for row in rows for button in row if button.callback_data == data), "")


def _reaction(number: int, reaction: MessageReactionUpdated) -> Envelope | None:
    if reaction.chat.type != ChatType.PRIVATE or not reaction.new_reaction:
        return None
    emoji = getattr(reaction.new_reaction[0], "emoji", "")
    return _envelope(number, reaction.chat.id, Message(Kind.REACTION, reaction.date, emoji))


def _membership(number: int, change: ChatMemberUpdated) -> Arrival:
    old, new = change.old_chat_member.status, change.new_chat_member.status
    if change.chat.type == ChatType.PRIVATE:
        left = new in (ChatMemberStatus.BANNED, ChatMemberStatus.LEFT)
        return Arrival(number, _envelope(number, change.chat.id, Message(Kind.LEFT, change.date)) if left else None)
    if new in _PRESENT and old not in _PRESENT:
        return Arrival(number, invitation=Invitation(change.chat.id, _language(change.from_user.language_code)))
    return Arrival(number)


def _language(code: str | None) -> str:
    """ "ru" for "ru-RU" (IETF tag of the phone)."""
    return (code or "").partition("-")[0].lower()[:8]


def _clean(text: str) -> str:
    return _UNSENDABLE.sub("", text)


def payloads(reply: Reply) -> tuple[dict[str, Any], ...]:
    """sendMessage's parameters for each piece of a reply, without the address; the buttons are under the last piece."""
    text = "\n".join([_clean(reply.text), *(_spelled(b) for b in reply.buttons if not _pressable(b))])
    pieces = [to_telegram(piece) for piece in _pieces(text)]
    keyboard = _keyboard(reply)
    if not pieces and keyboard:
        pieces = ["•"]  # a message needs a text to carry buttons
    made: list[dict[str, Any]] = [
        {"text": piece, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}} for piece in pieces
    ]
    if made and reply.final:
        made[-1]["reply_markup"] = {"remove_keyboard": True}
    elif made and keyboard:
        made[-1]["reply_markup"] = {"inline_keyboard": keyboard}
    file: tuple[dict[str, Any], ...] = ({"file": asdict(reply.attachment)},) if reply.attachment else ()
    return (*file, *made)


def plain(text: str) -> str:
    """Telegram's HTML without its marks, for when it is refused."""
    unlinked = _LINK.sub(lambda link: link[2] if link[1] == link[2] else f"{link[2]}: {link[1]}", text)
    return html.unescape(_TAG.sub("", unlinked))[:TEXT_LIMIT]


def visible_length(text: str) -> int:
    """What counts against the limit: UTF-16 units of a markdown-light text once its marks are entities."""
    return _units(html.unescape(_TAG.sub("", to_telegram(text))))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _pieces(text: str) -> list[str]:
    """Whole paragraphs, as many in a piece as the limit allows; a longer paragraph is parted by itself."""
    pieces: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        for part in _parts(paragraph):
            joined = f"{pieces[-1]}\n\n{part}" if pieces else ""
            if joined and visible_length(joined) <= TEXT_LIMIT:
                pieces[-1] = joined
            else:
                pieces.append(part)
    return [piece for piece in pieces if _shows(piece)]


def _parts(paragraph: str) -> list[str]:
    if visible_length(paragraph) <= TEXT_LIMIT:
        return [paragraph]
    fits: Callable[[Sequence[str]], bool] = lambda parts: all(visible_length(p) <= TEXT_LIMIT for p in parts)  # noqa: E731
    limit = TEXT_LIMIT
    while not fits(parts := split(paragraph, limit)):
        limit //= 2  # characters beyond the basic plane count twice
    return parts


def _shows(text: str) -> bool:
    """Whether anything is left after Telegram trims it; an empty message is refused."""
    return bool(html.unescape(_TAG.sub("", to_telegram(text))).strip())


def _pressable(button: Button) -> bool:
    return not button.url or button.url.startswith(_URL_SCHEMES)


def _spelled(button: Button) -> str:
    """A call or mail button as text: Telegram has no such buttons, but makes numbers into links itself."""
    return f"{button.title}: {button.url.partition(':')[2]}"


def _keyboard(reply: Reply) -> list[list[dict[str, str]]]:
    """Rows of buttons; as many side by side as asked for where their titles are short."""
    rows: list[list[dict[str, str]]] = []
    short = True
    for button in (b for b in reply.buttons if _pressable(b) and _clean(b.title).strip()):
        fits = len(button.title) <= _SIDE_BY_SIDE
        if not (rows and short and fits and len(rows[-1]) < min(reply.columns, 2)):
            rows.append([])
        rows[-1].append(_button(button))
        short = fits
    return rows


def _button(button: Button) -> dict[str, str]:
    if button.url:
        return {"text": _clean(button.title), "url": button.url}
    data = button.id.encode("utf-8", "replace")[:BUTTON_ID_LIMIT].decode("utf-8", "ignore")
    return {"text": _clean(button.title), "callback_data": data or "menu"}
