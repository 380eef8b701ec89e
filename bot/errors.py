"""Every error of the project has one root; each subclass's docstring is its default message."""

from __future__ import annotations

from dataclasses import dataclass


class HotlineError(Exception):
    """Something went wrong in the hotline."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or "")


class SettingsError(HotlineError):
    """A setting is missing or wrong."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in the content, in an editor's words.

    `line` and `column` count from 1; 0 means the file as a whole.
    """

    file: str
    line: int
    column: int
    text: str
    remedy: str = ""
    severity: str = "error"  # or "warning": shown, but the content still loads

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}: {self.severity}: {self.text}{remedy}"


class ContentError(HotlineError):
    """The content cannot be used; `problems` says where and why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class TemplateError(HotlineError):
    """An example's template does not parse or has too many variants."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset  # 0-based character in the template


class RefusedError(HotlineError):
    """A request was refused; shown to the person as a page or a JSON error."""

    status = 400


class NotFoundError(RefusedError):
    """There is nothing here."""

    status = 404


class ForbiddenError(RefusedError):
    """You may not do this."""

    status = 403


class ConflictError(RefusedError):
    """Someone else changed this in the meantime."""

    status = 409


class TooManyRequestsError(RefusedError):
    """Too many requests; please wait a little."""

    status = 429


class DeliveryError(HotlineError):
    """A platform did not take a message."""

    retry = False


class TryLaterError(DeliveryError):
    """The platform asks to wait, or could not be reached."""

    retry = True

    def __init__(self, message: str = "", after: float | None = None) -> None:
        super().__init__(message)
        self.after = after  # seconds the platform asked for; None: our own backoff


class GaveUpError(DeliveryError):
    """The platform will never take this message."""


class OutsideWindowError(GaveUpError):
    """The platform takes only approved templates now: the person's last message is too old."""


class UnreachableError(GaveUpError):
    """The person blocked the bot or deleted the chat."""


class StoreAwayError(HotlineError):
    """The database cannot be reached or cannot write; nothing was changed, or it is unknown whether it was."""


class LostError(HotlineError):
    """Someone else did this already, or took it over; roll back and go on."""


class SchemaError(HotlineError):
    """The database's tables are not those of this version; run `hotline migrate`."""


class CipherError(HotlineError):
    """A value cannot be decrypted: the key is missing, or the value was changed."""
