"""The desk's repositories of one transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from sqlalchemy import Connection

from storage.audit import AuditRows
from storage.board import BoardRows
from storage.broadcast import BroadcastRows
from storage.draft import DraftRows
from storage.parcel import ParcelRows
from storage.remark import RemarkRows
from storage.shift import PresenceRows
from storage.snippet import SnippetRows
from storage.staff import LoginRows, StaffRows


class SqlOffice:
    """Implements `bot.hotline.office.Office`."""

    def __init__(self, connection: Connection, wake: Callable[[str], None]) -> None:
        self._connection = connection
        self._wake = wake

    @cached_property
    def staff(self) -> StaffRows:
        """Accounts."""
        return StaffRows(self._connection, self._wake)

    @cached_property
    def logins(self) -> LoginRows:
        """Browser sessions."""
        return LoginRows(self._connection, self._wake)

    @cached_property
    def presences(self) -> PresenceRows:
        """Who is on duty."""
        return PresenceRows(self._connection, self._wake)

    @cached_property
    def audit(self) -> AuditRows:
        """Who did and opened what."""
        return AuditRows(self._connection, self._wake)

    @cached_property
    def remarks(self) -> RemarkRows:
        """Private notes and the side channel."""
        return RemarkRows(self._connection, self._wake)

    @cached_property
    def drafts(self) -> DraftRows:
        """What is written and not sent."""
        return DraftRows(self._connection, self._wake)

    @cached_property
    def parcels(self) -> ParcelRows:
        """Files that operators send."""
        return ParcelRows(self._connection, self._wake)

    @cached_property
    def snippets(self) -> SnippetRows:
        """Own replies."""
        return SnippetRows(self._connection, self._wake)

    @cached_property
    def board(self) -> BoardRows:
        """Over all cases."""
        return BoardRows(self._connection, self._wake)

    @cached_property
    def broadcasts(self) -> BroadcastRows:
        """News."""
        return BroadcastRows(self._connection, self._wake)
