"""What every table is keyed by."""

from typing import NamedTuple


class Key(NamedTuple):
    """An integration's key in every table."""

    tenant: str
    integration: str
