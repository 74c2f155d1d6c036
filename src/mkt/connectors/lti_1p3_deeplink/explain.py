"""What a platform's errors mean, and who does what about them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from mkt.connectors.lti_1p3_deeplink.platforms import HINTS, Endpoints, Hints
from mkt.connectors.lti_1p3_deeplink.settings import Settings
from mkt.contract import (
    AccessDenied,
    AuthError,
    ConfigError,
    ConnectorError,
    Explain,
    LocalError,
    PartnerError,
    Response,
    TransientError,
)

GONE: Final = "lti.course_gone"
FAILING: Final = "lti.course_failing"
NO_MEMBERS: Final = "lti.course_no_members"
BAD_LINK: Final = "lti.course_link"
REFUSALS: Final = frozenset({GONE, "lti.course_unauthorized", "lti.course_denied", "lti.course_refused"})
"""Codes of an address that a course does not answer."""
OF_ONE_COURSE: Final = REFUSALS | {
    *(FAILING, NO_MEMBERS, BAD_LINK),
    *("partner.json", "partner.html", "partner.link", "config.host_refused", "config.url"),  # the runtime's
}
"""Codes of errors that say nothing about the other courses."""
_SERVER_ERROR: Final = 500
_TO_BE_TRIED_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class TokenErrors:
    """Looks at what a token endpoint refuses.

    Platforms say why in a code of RFC 6749, in a sentence, in JSON that is none (Moodle) or on a web page: all of it
    is searched for the words of the cause. None leaves the answer to its status.
    """

    settings: Settings
    endpoints: Endpoints
    kid: str

    def __call__(self, response: Response) -> ConnectorError | None:
        if response.status == HTTPStatus.NOT_FOUND:
            return self._of_address()
        if response.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return None
        causes: Mapping[str, Callable[[], ConnectorError]] = {
            r"\binvalid_scope\b": self.no_scope,
            r"\baud\b|\baudience\b": self._of_audience,
            r"\biat\b|\bexp\b|\bexpired\b|\bprior to\b|in the future": self._of_clock,
            r"\bkid\b|\bjw[ks]s?\b|signature|public.?key|key.?set": self._of_key,
            r"\binvalid_client\b|unknown.client|client.?id|\bdeveloper key\b": self._of_client,
        }
        said = response.text[:4000].lower()
        return next((error() for words, error in causes.items() if re.search(words, said)), None)

    def no_scope(self) -> ConnectorError:
        """Return the error of a platform that does not grant the scope of names and roles."""
        return AccessDenied(
            "the platform does not grant the scope of names and roles (NRPS contextmembership.readonly)",
            remedy=f"The platform's administrator allows it: {self._hints.service}.",
            code="lti.scope",
        )

    @property
    def _hints(self) -> Hints:
        return HINTS[self.settings.platform]

    def _of_address(self) -> ConnectorError:
        if self.settings.platform == "moodle":
            return AuthError(
                "Moodle answered 404 to the token request: it could not read our public keys, or has no such page",
                remedy=f'{self._hints.key} must be {self._our_keys} and open to Moodle ("cURL blocked hosts" in its '
                "HTTP security); else correct `token_url`.",
                code="lti.keys_unreadable",
            )
        return ConfigError(
            f"there is no token endpoint at {self.endpoints.token_url}",
            remedy="Correct LTI_PLATFORM_URL or `platform`, or give the address as `token_url`.",
            code="lti.token_url",
        )

    def _of_audience(self) -> ConnectorError:
        return ConfigError(
            f"the platform does not accept the token request's audience, {self.endpoints.audience}",
            remedy="Give the exact one as `token_audience`, letter by letter: a slash at the end counts.",
            code="lti.token_audience",
        )

    def _of_clock(self) -> ConnectorError:
        return LocalError(
            "the platform finds that the token request is not of this moment: its clock and ours differ",
            remedy="Check this machine's clock (NTP). If it is right, the platform's is wrong.",
            code="lti.clock",
        )

    def _of_key(self) -> ConnectorError:
        return AuthError(
            f"the platform cannot check our signature: it has no key {self.kid}, or another one by that id",
            remedy=f"The platform's administrator enters {self._our_keys}: {self._hints.key}.",
            code="lti.key_unknown",
        )

    def _of_client(self) -> ConnectorError:
        return AuthError(
            "the platform does not know the client id, or it is turned off",
            remedy=f"Compare LTI_CLIENT_ID with {self._hints.client}.",
            code="lti.client_unknown",
        )

    @property
    def _our_keys(self) -> str:
        return f"{self.settings.tool_url}/jwks.json" if self.settings.tool_url else "our JWKS address"


def course_errors(place: str, settings: Settings, *, linked: bool) -> Explain:
    """Return what judges the answers of one course's member list; `place` is the course's address in words.

    A `linked` address is one that the list itself gave: where nothing stands there, the course need not be gone.
    """
    hints = HINTS[settings.platform]

    def explain(response: Response) -> ConnectorError | None:
        status = response.status
        if status in _TO_BE_TRIED_AGAIN:
            return None
        what = f"the member list at {place} answered {status}"
        if status >= _SERVER_ERROR:
            remedy = "Nothing to do yet; if it stays, the platform's administrator looks into its log."
            return TransientError(what, remedy=remedy, code=FAILING)
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) and not linked:
            remedy = "If the course was deleted there, take it out of `memberships_urls`; else correct the address."
            return PartnerError(f"{what}: there is no such course", remedy=remedy, code=GONE, actor="us")
        if status == HTTPStatus.UNAUTHORIZED:
            remedy = f"The tool must be installed in this course, and allowed to read it: {hints.service}."
            return AuthError(f"{what} to a new token", remedy=remedy, code="lti.course_unauthorized")
        if status == HTTPStatus.FORBIDDEN:
            remedy = f"The platform's administrator allows it: {hints.service}."
            return AccessDenied(f"{what}: not allowed", remedy=remedy, code="lti.course_denied")
        remedy = "Compare the address with `context_memberships_url` of a launch in this course."
        return PartnerError(what, remedy=remedy, code="lti.course_refused", actor="us")

    return explain
