"""Messages on disk while the database is away: sealed, in order, bounded.

One file, only appended to: `length (4 bytes, big endian) | sealed envelope`. A write is synced before it counts. A
frame cut short by a crash was never acknowledged, so reading stops there. Replaying twice is harmless: the inbox drops
what it has seen.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bot.dialogue.message import Envelope
from bot.errors import CipherError, StoreAwayError
from bot.hotline.codec import envelope_from_bytes, envelope_to_bytes
from bot.hotline.ports import Sealer

_LENGTH = struct.Struct(">I")
_PURPOSE = "spool"
LIMIT = 64 * 1024 * 1024  # bytes: about 200,000 messages


class Spool:
    """One process's spool file; `path`'s folder is made when needed. Methods block and may run in threads."""

    def __init__(self, path: Path, sealer: Sealer, limit: int = LIMIT) -> None:
        self._path = path
        self._sealer = sealer
        self._limit = limit
        self._guard = threading.Lock()
        self.count = 0
        whole = 0
        for frame in self._frames():
            self.count += 1
            whole += _LENGTH.size + len(frame)
        if path.exists() and path.stat().st_size > whole:
            os.truncate(path, whole)  # a frame cut short: what is appended must not follow it

    def append(self, envelopes: Sequence[Envelope], received: datetime) -> None:
        """Write down durably; raises StoreAwayError when the spool is full or the disk refuses."""
        frames = bytearray()
        for envelope in envelopes:
            sealed = self._sealer.seal(envelope_to_bytes(envelope, received), _PURPOSE)
            frames += _LENGTH.pack(len(sealed)) + sealed
        with self._guard:
            try:
                self._write(bytes(frames))
            except OSError as error:
                raise StoreAwayError(f"The spool cannot be written: {error.strerror}") from None
            self.count += len(envelopes)

    def _write(self, frames: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self._path.exists()
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(handle).st_size
            if size + len(frames) > self._limit:
                raise StoreAwayError("The spool is full.")
            try:
                written = os.write(handle, frames)
                if written != len(frames):
                    raise OSError(28, "No space left on device")
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)  # else the next frame would follow half a one
                raise
        finally:
            os.close(handle)
        if fresh:  # a new name is durable only when its folder is
            folder = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def batches(self, size: int = 100) -> Iterator[list[tuple[Envelope, datetime]]]:
        """What is in the spool and when it came, oldest first. Frames that no key opens are passed over."""
        batch: list[tuple[Envelope, datetime]] = []
        for frame in self._frames():
            try:
                batch.append(envelope_from_bytes(self._sealer.unseal(frame, _PURPOSE)))
            except (CipherError, ValueError, KeyError):
                continue
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def clear(self, expected: int) -> bool:
        """Remove the file if nothing was added since it held `expected` messages."""
        with self._guard:
            if self.count != expected:
                return False
            self._path.unlink(missing_ok=True)
            self.count = 0
            return True

    def _frames(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
                (length,) = _LENGTH.unpack(head)
                frame = file.read(length)
                if len(frame) < length:
                    return
                yield frame
