"""What a platform asks for in a deep linking launch (Deep Linking 2.0, section 4.4.1), and our answer (4.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import urlsplit

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.claims import (
    CONTENT_ITEMS,
    DATA,
    DEEP_LINKING,
    DEEP_LINKING_RESPONSE,
    DEPLOYMENT,
    LTI_VERSION,
    MESSAGE_TYPE,
    PRESENTATION,
    VERSION,
    Claims,
    flag,
    mapping,
    text,
)
from mkt.connectors.lti_1p3_deeplink.tool import Tool, own_key
from mkt.contract import Json

_BACKDATED: Final = timedelta(seconds=5)
"""Moodle refuses an `iat` that is in the future by its own clock, however slightly."""
_LIFETIME: Final = timedelta(minutes=5)
_WITHOUT_SUBJECT: Final = frozenset({"moodle"})
"""Blackboard asks for a `sub`. Moodle's token endpoint takes all that we signed and that has one, whatever its `aud`:
a teacher could get our token by the answer that their browser carries.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`data` is a list of what must come back as it was sent, empty where nothing was."""

    return_url: str
    deployment: str
    types: Sequence[str]
    media_types: Sequence[str]
    targets: Sequence[str]
    multiple: bool
    line_items: bool | None
    title: str
    text: str
    data: Sequence[Any]
    page_url: str

    @classmethod
    def of(cls, claims: Claims) -> "Wanted | None":
        """Read the claim; None where something that the specification requires is missing or no such thing."""
        said = mapping(claims.get(DEEP_LINKING))
        return_url, types, targets = (
            said.get(name)
            for name in ("deep_link_return_url", "accept_types", "accept_presentation_document_targets")
        )
        if not _is_web(return_url) or not isinstance(types, list) or not isinstance(targets, list):
            return None
        return cls(
            return_url=text(return_url),
            deployment=text(claims.get(DEPLOYMENT)),
            types=_texts(types),
            media_types=[
                name for part in text(said.get("accept_media_types")).lower().split(",") if (name := part.strip())
            ],
            targets=_texts(targets),
            multiple=flag(said.get("accept_multiple")) is True,
            line_items=flag(said.get("accept_lineitem")),
            title=text(said.get("title")),
            text=text(said.get("text")),
            data=[said["data"]] if "data" in said else [],
            page_url=text(mapping(claims.get(PRESENTATION)).get("return_url")),
        )

    @classmethod
    def kept(cls, said: Json) -> "Wanted | None":
        """Return what `as_json` gave."""
        return cls(**said) if isinstance(said, Mapping) else None  # type: ignore[arg-type] # our own writing

    def as_json(self) -> Json:
        return asdict(self)


def response(wanted: Wanted, items: Sequence[Mapping[str, Any]], tool: Tool, context: Context) -> str:
    """Return the signed answer; signed when it is sent, since it is good for minutes only."""
    now = context.runtime.now()
    return own_key(context).sign(
        {
            "iss": tool.client_id,
            **({"sub": tool.client_id} if context.settings.platform not in _WITHOUT_SUBJECT else {}),
            "aud": tool.endpoints.issuer,  # as text: some platforms take no list
            "iat": int((now - _BACKDATED).timestamp()),
            "exp": int((now + _LIFETIME).timestamp()),
            "nonce": token_urlsafe(24),
            MESSAGE_TYPE: DEEP_LINKING_RESPONSE,
            VERSION: LTI_VERSION,
            DEPLOYMENT: wanted.deployment,
            CONTENT_ITEMS: list(items),
            **({DATA: wanted.data[0]} if wanted.data else {}),
        }
    )


def _is_web(value: object) -> bool:
    try:
        url = urlsplit(text(value))
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.hostname)


def _texts(values: Sequence[object]) -> list[str]:
    return [value for value in values if isinstance(value, str)]
