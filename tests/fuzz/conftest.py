"""The databases."""

from tests.postgres import postgres_database, postgres_server, postgres_url
from tests.storage.stores import database_url, store

__all__ = ["database_url", "postgres_database", "postgres_server", "postgres_url", "store"]
