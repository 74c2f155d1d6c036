"""The embedded store: one SQLite file (WAL) on one host."""

from mkt.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
