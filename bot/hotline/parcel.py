"""A file that an operator sends to the caller: kept encrypted with the case, delivered like any message."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Attachment, Reply
from bot.errors import ConflictError, NotFoundError, RefusedError
from bot.hotline.desk import OperatorsDesk
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.records import Direction, Line
from bot.hotline.team import Staff

LIMIT = 5_000_000  # bytes; WhatsApp takes no larger photo, and a cheap phone should not have to
# What may be sent: the kind of message it becomes, and a name that says nothing on a phone that others see.
SENDABLE = {
    "image/jpeg": ("photo", "photo.jpg"),
    "image/png": ("photo", "photo.png"),
    "audio/ogg": ("voice", "voice.ogg"),
    "application/pdf": ("document", "document.pdf"),
}


@dataclass(frozen=True, slots=True)
class ParcelPost:
    """Sends files, and finds those that were sent."""

    store: Store
    clock: Clock
    desk: OperatorsDesk

    async def send(
        self, case: str, staff: Staff, data: bytes, mime: str, client_id: str, *, confirmed: bool = False
    ) -> int | None:
        """Send a file, already without metadata: its line, or None when this `client_id` was sent before."""
        if mime not in SENDABLE:
            raise RefusedError(N_("Only photos (JPEG, PNG), voice messages and PDF files can be sent."))
        if not 0 < len(data) <= LIMIT:
            raise RefusedError(N_("A file may have at most 5 MB."))
        now, (kind, name) = self.clock.now(), SENDABLE[mime]
        attachment = Attachment(uuid.uuid4().hex, kind, mime, name, len(data))

        def work(ledger: Ledger) -> int | None:
            ready = self.desk.ready(ledger, case, staff, now, confirmed=confirmed)
            _, conversation, channel = ready
            if not channel.can_send_files:
                raise ConflictError(N_("This channel takes no files."))
            line = self.desk.send(ledger, ready, staff, Reply("", attachment=attachment), client_id, now)
            if line is not None:
                ledger.office.parcels.put(attachment.id, conversation.id, case, data, now)
                ledger.office.audit.append(now, staff.id, "file sent", case[:8], str(line))
            return line

        return await self.store.transact(work)


def sent_file(ledger: Ledger, conversation: str, line: int, since: datetime | None = None) -> tuple[str, bytes]:
    """The type and the bytes of a file sent with this line, not before `since`. Raises NotFoundError when there is none."""
    found = ledger.lines.get(conversation, line, since)
    file = attached(found) if found else None
    data = ledger.office.parcels.get(file.id, conversation) if file else b""
    if file is None or not data:
        raise NotFoundError(N_("This file is gone."))
    return file.mime, data


def attached(line: Line) -> Attachment | None:
    """The file that an outgoing line carries."""
    if line.direction is Direction.IN or not line.detail.get("file"):
        return None
    return Attachment(**line.detail["file"])
