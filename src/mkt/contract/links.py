"""One-time links: an operator makes one for one integration, and whoever opens it may do one thing, once."""

import hashlib
from typing import Final

REGISTRATION: Final = "registration"
"""The name in `context.state` of what a registration gave: {"at": ISO time, "settings": what to write down}."""


def link_key(token: str) -> str:
    """Return the name in `context.state` of the link that ends in this token: take it before the thing is done."""
    return f"link.{hashlib.sha256(token.encode(errors='replace')).hexdigest()}"
