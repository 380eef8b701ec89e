"""What a module writes into the log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, MutableMapping
from types import ModuleType
from typing import Any
from unittest.mock import patch

import structlog
from structlog.testing import capture_logs


@contextlib.contextmanager
def written(module: ModuleType) -> Iterator[list[MutableMapping[str, Any]]]:
    """The entries `module` writes; whatever another test set up before, since its own logger may be bound to that."""
    with patch.object(module, "log", structlog.get_logger(module.__name__)), capture_logs() as entries:
        yield entries
