"""What every group of pages has: the gate its routes pass, the templates, the use cases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from bot.console.gate import Gate

Number = Annotated[int, Field(ge=0, le=2**63 - 1)]  # from outside: no further than a database counts


class Part(ABC):
    """A group of pages."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.pages = gate.pages
        self.house = gate.house

    @abstractmethod
    def router(self) -> APIRouter:
        """The routes."""
