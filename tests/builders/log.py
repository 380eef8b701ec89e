"""What a module writes into the log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, MutableMapping
from types import ModuleType
from typing import Any
from unittest.mock import patch

import structlog
from structlog.testing import LogCapture


@contextlib.contextmanager
def written(module: ModuleType) -> Iterator[list[MutableMapping[str, Any]]]:
    """The entries `module` writes; its logger is replaced by one that depends on nothing another test has set up."""
    capture = LogCapture()
    logger = structlog.wrap_logger(None, processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    with patch.object(module, "log", logger):
        yield capture.entries
