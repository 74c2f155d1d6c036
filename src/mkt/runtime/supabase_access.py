"""Where a project's Supabase is, and its key: from the environment and the project's `.env`, never `mkt.toml`."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
from dotenv import dotenv_values

from mkt.errors import StartError
from mkt.runtime.addresses import is_loopback, name_of
from mkt.runtime.masking import PROCESS

URL: Final = "SUPABASE_URL"
KEY: Final = "SUPABASE_SECRET_KEY"
LEGACY_KEY: Final = "SUPABASE_SERVICE_ROLE_KEY"
_WHERE: Final = "Supabase's dashboard shows it under Project Settings, API Keys: Secret keys."
_TAKE_SECRET: Final = f"Put the secret key (sb_secret_…) into {KEY}: a variable, or a line of .env. {_WHERE}"
_TAKE_URL: Final = f"Put the project's address, https://REF.supabase.co, into {URL}: a variable, or a line of .env."
_BEGINS: Final = "sb_secret_"
_HOST: Final = re.compile(r"[A-Za-z0-9.:-]+")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_DASHBOARD: Final = re.compile(r"/dashboard/project/([a-z0-9]+)")
_FOREIGN: Final[Mapping[str, str]] = {
    "sb_publishable_": "a publishable key: row level security holds it, and mkt would see nothing",
    "sbp_": "an access token of somebody's account, which is for the supabase command",
    "postgres://": "the address of the database",
    "postgresql://": "the address of the database",
}
"""How a value begins that is no secret key, and what it is."""
_ROLES: Final[Mapping[str, str]] = {
    "anon": "the anon key: row level security holds it, and mkt would see nothing",
    "authenticated": "the access token of a user, who sees the rows of one tenant",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SupabaseAccess:
    """An address and a key that may be used."""

    url: str
    key: str = field(repr=False)
    url_from: str
    """Such as "variable SUPABASE_URL"."""
    key_from: str
    warnings: tuple[tuple[str, str], ...] = ()
    """What is wrong with it for the time to come, and what to do."""


@dataclass(frozen=True, slots=True)
class _Given:
    name: str
    value: str
    place: str

    @property
    def origin(self) -> str:
        return f"{self.place} {self.name}"


def find_access(root: Path, environ: Mapping[str, str] = os.environ) -> SupabaseAccess:
    """Return the access of the project; raise `StartError` for what is missing or cannot be it. Nothing is called."""
    places = {"variable": environ, f"{root / '.env'}:": _env_file(root / ".env")}
    url = _first(places, URL)
    if url is None:
        raise StartError(f"{URL} is not set, neither as a variable nor in {root / '.env'}", remedy=_TAKE_URL)
    address = _address(url)
    key = _first(places, KEY, LEGACY_KEY)
    if key is None:
        raise StartError(f"{KEY} is not set, neither as a variable nor in {root / '.env'}", remedy=_TAKE_SECRET)
    PROCESS.add(key.value)
    return SupabaseAccess(
        url=address,
        key=key.value,
        url_from=url.origin,
        key_from=key.origin,
        warnings=(*_judged(key), *_open_to_all(root / ".env", key)),
    )


def _env_file(path: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(path, interpolate=False) if path.exists() else {}
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise StartError(f"{path} cannot be read: {why}", remedy="Correct it, or its permissions.") from None


def _first(places: Mapping[str, Mapping[str, Any]], *names: str) -> _Given | None:
    """Return what is set first: by name, then by place. Empty is missing."""
    for name in names:
        for place, variables in places.items():
            value = (variables.get(name) or "").strip()
            if value:
                return _Given(name, value, place)
    return None


def _address(given: _Given) -> str:
    """Return the address without a slash at its end. It is not repeated where a password may stand in it."""
    try:
        url = httpx.URL(given.value)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise _wrong(given, "is not a URL", _TAKE_URL) from None
    dashboard = _DASHBOARD.search(url.path)
    if dashboard and url.host.endswith("supabase.com"):
        raise _wrong(given, "is the dashboard's address", f"Set {given.name} to https://{dashboard[1]}.supabase.co.")
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.host):
        raise _wrong(given, "is not an https:// URL", _TAKE_URL)
    if url.userinfo:
        raise _wrong(given, "has a user name or a password in it", _TAKE_URL)
    if url.scheme == "http" and not is_loopback(name_of(url)):
        raise _wrong(given, "is plain http, which is for loopback hosts only", "Write https:// there.")
    if url.path.strip("/") or url.query or url.fragment:
        short = f"{url.scheme}://{url.netloc.decode('ascii')}"
        raise _wrong(given, "has more than the host in it", f"Set {given.name} to {short} alone.")
    return str(url).rstrip("/")


def _judged(key: _Given) -> list[tuple[str, str]]:
    """Return what to warn of; raise `StartError` for what is not a secret key."""
    for start, what in _FOREIGN.items():
        if key.value.startswith(start):
            raise _wrong(key, f"holds {what}", _TAKE_SECRET)
    if not _PRINTABLE.fullmatch(key.value):
        raise _wrong(key, "has a space, a line break or a letter in it that no key has", "Copy the key again.")
    old_name = [(f"{key.origin} has an old name", f"Call it {KEY}.")] if key.name == LEGACY_KEY else []
    if key.value.startswith(_BEGINS):
        return old_name
    role = _role(key.value)
    if role is None:
        raise _wrong(key, f"holds something that is no key of Supabase: those begin with {_BEGINS}", _TAKE_SECRET)
    if role != "service_role":
        raise _wrong(key, f"holds {_ROLES.get(role, 'a token of another role than service_role')}", _TAKE_SECRET)
    return [(f"{key.origin} holds a legacy service_role key, which Supabase is giving up", _TAKE_SECRET)]


def _open_to_all(path: Path, key: _Given) -> list[tuple[str, str]]:
    """Return what to warn of where the file that the key is from is everybody's to read."""
    if key.place != f"{path}:" or not path.stat().st_mode & stat.S_IROTH:
        return []
    return [(f"{path} holds the key, and everybody on this machine can read it", f"Type `chmod 600 {path}`.")]


def _role(text: str) -> str | None:
    """Return the role of a legacy key, a JWT; None for what is none. Its signature is the server's to judge."""
    try:
        claims = jwt.decode(text, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    return str(claims.get("role", ""))


def _wrong(given: _Given, why: str, remedy: str) -> StartError:
    return StartError(f"{given.origin} {why}", remedy=remedy)
