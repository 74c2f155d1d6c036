"""How an integration reaches its platform: the token, and what is asked with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from mkt.connectors.lti_1p3_deeplink.courses import Course
from mkt.connectors.lti_1p3_deeplink.explain import TokenErrors, course_errors
from mkt.connectors.lti_1p3_deeplink.keys import Key
from mkt.connectors.lti_1p3_deeplink.nrps import MEDIA_TYPE, Page, read_page
from mkt.connectors.lti_1p3_deeplink.platforms import Endpoints, endpoints, platform_root
from mkt.connectors.lti_1p3_deeplink.settings import Settings
from mkt.contract import ConnectorContext, Response, Token, TokenGrant

Context = ConnectorContext[Settings]
SCOPE: Final = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEPLOYMENT: Final = "https://purl.imsglobal.org/spec/lti/claim/deployment_id"
_BACKDATED: Final = timedelta(seconds=5)
"""Moodle refuses an `iat` that is in the future by its own clock, however slightly."""
_LIFETIME: Final = timedelta(minutes=5)
_LIMIT: Final = 1000
"""Members to a page, as a hint: most courses come in one answer, a snapshot, and the largest stay in bounds."""


@dataclass(frozen=True)
class Platform:
    """One tenant's platform, for one call."""

    context: Context
    key: Key
    client_id: str
    endpoints: Endpoints

    @classmethod
    def of(cls, context: Context, key: Key) -> "Platform":
        """Find the endpoints; raise `ConfigError` where LTI_PLATFORM_URL does not give them."""
        client_id = context.secret("LTI_CLIENT_ID")
        root = platform_root(context.secret("LTI_PLATFORM_URL"))
        return cls(context, key, client_id, endpoints(context.settings, root, client_id))

    def sign_in(self) -> Token:
        """Ask for a token; raise `AccessDenied` for one without the scope of names and roles.

        A sync does so too, instead of leaving it to its first request: only here are a token endpoint's errors
        explained.
        """
        errors = TokenErrors(self.context.settings, self.endpoints, self.key.kid)
        token = self.context.runtime.http.authorize(self._grant, explain=errors)
        # A reply without `scope` grants what was asked for (RFC 6749 section 5.1).
        if token.scope and SCOPE not in token.scope.split():
            raise errors.no_scope()
        return token

    def public_keys(self, url: str) -> Response:
        """Ask for a JWKS, without credentials."""
        return self.context.runtime.http.get(url, headers={"Accept": "application/json"})

    def page(self, course: Course, url: str = "") -> Page:
        """Ask for a page of a course's members: the first one, or that at a link of an earlier page."""
        response = self.context.runtime.http.get(
            url or with_limit(course.url),
            headers={"Accept": MEDIA_TYPE},
            auth=self._grant,
            explain=course_errors(course.place, self.context.settings, linked=bool(url)),
        )
        return read_page(response, course)

    @cached_property
    def _grant(self) -> TokenGrant:
        url = self.endpoints.token_url
        return TokenGrant(url=url, form=self._form, key=f"{url} {self.client_id} {self.key.kid}")

    def _form(self) -> Mapping[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._assertion(),
            "scope": SCOPE,
        }

    def _assertion(self) -> str:
        """Return a new private_key_jwt (1EdTech Security Framework 1.0, section 4.1.1)."""
        now, deployments = self.context.runtime.now(), self.context.settings.deployment_ids
        only = deployments[0] if len(deployments) == 1 and deployments != "any" else None
        return self.key.sign(
            {
                "iss": self.client_id,
                "sub": self.client_id,
                "aud": self.endpoints.audience,
                "iat": int((now - _BACKDATED).timestamp()),
                "exp": int((now + _LIFETIME).timestamp()),
                "jti": uuid4().hex,
                **({_DEPLOYMENT: only} if only else {}),
            }
        )


def with_limit(url: str) -> str:
    """Return the address with our hint, unless it has one of its own; the rest stays letter by letter."""
    query = urlsplit(url).query
    if any(name == "limit" for name, _ in parse_qsl(query, keep_blank_values=True)):
        return url
    separator = "" if url.endswith(("?", "&")) else "&" if query else "?"
    return f"{url}{separator}limit={_LIMIT}"
