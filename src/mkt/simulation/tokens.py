"""The tokens of a simulated authorization server (RFC 6749)."""

from itertools import count
from typing import Any


class Tokens:
    """Access tokens for one refresh token, the same in each run.

    With `rotates` each grant brings a new refresh token and the one before is worth nothing any more.
    """

    def __init__(self, name: str, *, lifetime: int = 3600) -> None:
        self._name = name
        self._numbers = count(1)
        self._access: set[str] = set()
        self.lifetime = lifetime
        self.rotates = False
        self.refresh_token = f"{name}-refresh-{next(self._numbers):06d}"

    def issue(self) -> str:
        """Return a new access token."""
        token = f"{self._name}-access-{next(self._numbers):06d}"
        self._access.add(token)
        return token

    def refresh(self, offered: str) -> dict[str, Any] | None:
        """Return the token endpoint's reply, None for a refresh token that is not valid."""
        if offered != self.refresh_token:
            return None
        if self.rotates:
            self.refresh_token = f"{self._name}-refresh-{next(self._numbers):06d}"
        reply = {"access_token": self.issue(), "token_type": "Bearer", "expires_in": self.lifetime}
        return {**reply, "refresh_token": self.refresh_token}

    def accepts(self, authorization: str) -> bool:
        """Tell whether an Authorization header has a valid access token."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and token in self._access

    def revoke(self) -> None:
        """Let all access tokens expire now."""
        self._access.clear()
