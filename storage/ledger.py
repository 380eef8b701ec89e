"""The unit of work: one transaction's repositories, and the erasing that goes through all tables."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Connection, delete, select

from storage.case import CaseRows, case_table
from storage.conversation import ConversationRows, conversation
from storage.database import metadata
from storage.finding import FindingRows
from storage.inbox import InboxRows
from storage.lane import LaneRows, lane
from storage.lease import LeaseRows
from storage.letter import LetterRows
from storage.message import MessageRows
from storage.office import SqlOffice
from storage.outbox import OutboxRows
from storage.pace import PaceRows


class SqlLedger:
    """Implements `bot.hotline.ledger.Ledger` over a connection whose transaction someone else commits."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.wakes: dict[str, None] = {}  # in the order asked for, each once

    def wake(self, topic: str) -> None:
        """Wake whoever waits for `topic`, once this is committed."""
        self.wakes[topic] = None

    @cached_property
    def conversations(self) -> ConversationRows:
        """Callers."""
        return ConversationRows(self.connection, self.wake)

    @cached_property
    def inbox(self) -> InboxRows:
        """What came in and waits."""
        return InboxRows(self.connection, self.wake)

    @cached_property
    def lanes(self) -> LaneRows:
        """Who works on what."""
        return LaneRows(self.connection, self.wake)

    @cached_property
    def lines(self) -> MessageRows:
        """The transcript."""
        return MessageRows(self.connection, self.wake)

    @cached_property
    def outbox(self) -> OutboxRows:
        """What waits to be sent."""
        return OutboxRows(self.connection, self.wake)

    @cached_property
    def pace(self) -> PaceRows:
        """Sends a second."""
        return PaceRows(self.connection, self.wake)

    @cached_property
    def cases(self) -> CaseRows:
        """The queue for a person."""
        return CaseRows(self.connection, self.wake)

    @cached_property
    def findings(self) -> FindingRows:
        """What editors learn."""
        return FindingRows(self.connection, self.wake)

    @cached_property
    def leases(self) -> LeaseRows:
        """Periodic jobs."""
        return LeaseRows(self.connection, self.wake)

    @cached_property
    def letters(self) -> LetterRows:
        """Dead letters."""
        return LetterRows(self.connection, self.wake)

    @cached_property
    def office(self) -> SqlOffice:
        """The operators' desk."""
        return SqlOffice(self.connection, self.wake)

    def erase(self, conversation_id: str) -> None:
        """Delete the conversation's rows in every table, at once.

        Every table with a `conversation_id` or a `case_id` column is walked, so a new table is covered by itself.
        """
        ours = select(case_table.c.id).where(case_table.c.conversation_id == conversation_id)
        case_ids = list(self.connection.execute(ours).scalars())
        self.connection.execute(delete(conversation).where(conversation.c.id == conversation_id))
        self.connection.execute(
            delete(lane).where(lane.c.name.in_((f"in:{conversation_id}", f"out:{conversation_id}")))
        )
        for table in metadata.sorted_tables:
            if case_ids and "case_id" in table.c:
                self.connection.execute(delete(table).where(table.c.case_id.in_(case_ids)))
            if "conversation_id" in table.c:
                self.connection.execute(delete(table).where(table.c.conversation_id == conversation_id))
        self.wake(f"conversation:{conversation_id}")
        for case_id in case_ids:
            self.wake(f"case:{case_id}")
        if case_ids:
            self.wake("desk")
