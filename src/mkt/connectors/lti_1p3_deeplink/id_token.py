"""The platform's signed message: whether it is from this platform, for us, of now, and answers this login.

1EdTech Security Framework 1.0, section 5.1.3, and the bad payloads of the LTI certification (section 6.1). A refusal
carries what was compared, for the ledger.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import jwt
from jwt.types import Options

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.claims import DEPLOYMENT, MESSAGE_TYPE, VERSION, Claims, number
from mkt.connectors.lti_1p3_deeplink.login import AGAIN, LIFETIME, deployments
from mkt.connectors.lti_1p3_deeplink.platform_keys import PlatformKeys
from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused, shown
from mkt.connectors.lti_1p3_deeplink.tool import Tool

_ALGORITHM: Final = "RS256"
_LEEWAY: Final = timedelta(seconds=60)
"""By so much two clocks may differ."""
_OURS_ALONE: Final[Options] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""PyJWT checks the signature; the claims are checked here, each with a reason of its own."""
_SHAPE: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_CLOCKS: Final = "The clocks of the platform and of this tool differ. Tell the platform's administrator."


@dataclass
class IdToken:
    """One token on its way through the checks; `claims` are to be trusted after `verify`."""

    text: str
    tool: Tool
    context: Context
    header: Mapping[str, Any] = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)
    kids: str = ""

    def verify(self, nonce: str) -> Claims:
        """Return the claims; raise `LaunchRefused`, or `ConnectorError` where the platform's keys cannot be read."""
        self._open()
        self._check_signature()
        self._check_issuer()
        self._check_audience()
        self._check_times()
        if not nonce or self.claims.get("nonce") != nonce:
            raise self.refused("lti.nonce", "the message does not answer this login: its nonce is another", AGAIN)
        return self.claims

    def refused(self, reason: str, message: str, advice: str = "", **others: tuple[object, object]) -> LaunchRefused:
        """Return the refusal with everything that was compared; `others` are pairs of received and expected."""
        compared = {**dict(self._compared()), **{name.replace("_", " "): pair for name, pair in others.items()}}
        return LaunchRefused(
            reason,
            message,
            advice=advice or "Tell the platform's administrator, with the reference below.",
            received={name: received for name, (received, _) in compared.items()},
            expected={name: expected for name, (_, expected) in compared.items() if expected is not None},
        )

    def _compared(self) -> Iterator[tuple[str, tuple[object, object]]]:
        claims = self.claims
        yield "issuer", (claims.get("iss"), self.tool.endpoints.issuer)
        yield "client id", (claims.get("aud"), self.tool.client_id)
        yield "deployment", (claims.get(DEPLOYMENT), deployments(self.context.settings))
        yield "key id", (self.header.get("kid"), self.kids or None)
        yield "message type", (f"{shown(claims.get(MESSAGE_TYPE))} {shown(claims.get(VERSION))}", None)
        issued = number(claims.get("iat"))
        if issued is not None:
            yield "clock difference", (f"{issued - self._now:+.0f} s", f"at most {_LEEWAY.seconds} s")

    @property
    def _now(self) -> float:
        return self.context.runtime.now().timestamp()

    def _open(self) -> None:
        """Read the token without trusting it."""
        try:
            if not _SHAPE.fullmatch(self.text):
                raise jwt.DecodeError
            read = jwt.decode_complete(self.text, options={**_OURS_ALONE, "verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise self.refused("lti.token", "what came is no signed message") from None
        self.header, self.claims = read["header"], read["payload"]

    def _check_signature(self) -> None:
        algorithm, kid = self.header.get("alg"), self.header.get("kid")
        if algorithm != _ALGORITHM:
            raise self.refused("lti.alg", "the message is not signed by RS256", algorithm=(algorithm, _ALGORITHM))
        if not isinstance(kid, str) or not kid:
            raise self.refused("lti.kid_missing", "the message does not name the key it is signed with")
        keys = PlatformKeys(self.context, self.tool.endpoints.jwks_url)
        key = keys.find(kid)
        self.kids = ", ".join(keys.kids) or "no key at all"
        if key is None:
            raise self.refused("lti.kid", "the message is signed with a key that the platform does not publish")
        try:
            jwt.decode(self.text, key, algorithms=[_ALGORITHM], options=_OURS_ALONE)
        except jwt.PyJWTError:
            raise self.refused("lti.signature", "the message's signature is wrong") from None

    def _check_issuer(self) -> None:
        if self.claims.get("iss") != self.tool.endpoints.issuer:
            raise self.refused("lti.iss", "the message comes from another platform")

    def _check_audience(self) -> None:
        said, party = self.claims.get("aud"), self.claims.get("azp")
        audiences = said if isinstance(said, list) else [said]
        if self.tool.client_id not in audiences:
            raise self.refused("lti.aud", "the message is for another client id")
        if any(audience != self.tool.client_id for audience in audiences):
            raise self.refused("lti.aud", "the message is for others as well")
        if party is not None and party != self.tool.client_id:
            compared = (party, self.tool.client_id)
            raise self.refused("lti.azp", "the message was made for another client id", authorized_party=compared)

    def _check_times(self) -> None:
        now, leeway = self._now, _LEEWAY.total_seconds()
        ends, issued = number(self.claims.get("exp")), number(self.claims.get("iat"))
        if ends is None or issued is None:
            raise self.refused("lti.times", "the message does not say when it was made, or until when it is good")
        if ends <= now - leeway:
            late = f"ended {now - ends:.0f} s ago"
            raise self.refused("lti.exp", "the message is no longer good", AGAIN, end=(late, "in the future"))
        if issued > now + leeway:
            raise self.refused("lti.iat", "the message was made in the future", _CLOCKS)
        if issued < now - LIFETIME.total_seconds() - leeway:
            raise self.refused("lti.iat", "the message was made before this login began", _CLOCKS)
