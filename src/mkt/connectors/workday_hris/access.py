"""How an integration reaches its Workday tenant: one of three kinds of credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from mkt.connectors.workday_hris.explain import Credentials, Explainer
from mkt.connectors.workday_hris.settings import Settings
from mkt.connectors.workday_hris.soap_xml import envelope
from mkt.contract import Auth, BasicAuth, BearerAuth, ConfigError, ConnectorContext, Response, Token, TokenGrant

Context = ConnectorContext[Settings]


@dataclass(frozen=True)
class Workday:
    """One tenant's Workday, for one call."""

    context: Context
    auth: Auth
    identity: str
    """Whose credentials they are, in words."""
    explain: Explainer

    @classmethod
    def of(cls, context: Context) -> "Workday":
        """Choose the credentials; raise `ConfigError` where none are complete, or not those of the surface."""
        if context.settings.surface == "soap":
            signed = _soap_user(context)
            return cls._with(context, "isu", signed, f"integration system user {signed.username}")
        kind = context.secret_set()
        if kind == "refresh_token":
            return cls._with(context, "refresh_token", _grant(context), f"API client {_name(context, 'CLIENT_ID')}")
        if kind == "isu":
            _refuse_rest(context.settings)
            user = _name(context, "ISU_USERNAME")
            auth = BasicAuth(user, context.secret("WORKDAY_ISU_PASSWORD"))
            return cls._with(context, "isu", auth, f"integration system user {user}")
        return cls._with(context, "bearer", BearerAuth(context.secret("WORKDAY_BEARER_TOKEN")), "static bearer token")

    @classmethod
    def _with(cls, context: Context, kind: Credentials, auth: Auth, identity: str) -> "Workday":
        return cls(context, auth, identity, Explainer(context.settings, kind))

    def get(self, url: str, params: Mapping[str, str | int]) -> Response:
        return self.context.runtime.http.get(
            url, params=params, headers={"Accept": "application/json"}, auth=self.auth, explain=self.explain
        )

    def call(self, url: str, request: Element) -> Response:
        """Post a SOAP request that only reads; the user signs in inside of it (WS-Security UsernameToken)."""
        if not isinstance(self.auth, BasicAuth):
            raise TypeError("SOAP is called as an integration system user")
        return self.context.runtime.http.request(
            "POST",
            url,
            headers={"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml", "SOAPAction": '""'},
            content=envelope(request, self.auth),
            idempotent=True,
            explain=self.explain,
        )

    def sign_in(self) -> Token | None:
        """Ask for an access token, where the credentials are of the kind that needs one.

        A sync does so too, instead of leaving it to its first request: only here are a token endpoint's errors
        explained.
        """
        if not isinstance(self.auth, TokenGrant):
            return None
        return self.context.runtime.http.authorize(self.auth, explain=self.explain)


def _name(context: Context, name: str) -> str:
    return context.secret(f"WORKDAY_{name}")


def _soap_user(context: Context) -> BasicAuth:
    """Return the user as SOAP wants it, `isu@tenant`."""
    try:
        name, password = _name(context, "ISU_USERNAME"), context.secret("WORKDAY_ISU_PASSWORD")
    except ConfigError as error:
        raise ConfigError(
            f"mode soap signs in as an integration system user: {error.message}",
            remedy="Give WORKDAY_ISU_USERNAME and WORKDAY_ISU_PASSWORD; SOAP takes neither an API client nor a token."
            f" {error.remedy}".rstrip(),
            code="workday.soap_needs_isu",
        ) from None
    return BasicAuth(name if "@" in name else f"{name}@{context.settings.tenant}", password)


def _grant(context: Context) -> TokenGrant:
    return TokenGrant(
        url=context.settings.token_url, form=lambda: _refresh_form(context), rotates="WORKDAY_REFRESH_TOKEN"
    )


def _refresh_form(context: Context) -> Mapping[str, str]:
    return {
        "grant_type": "refresh_token",
        "refresh_token": context.secret("WORKDAY_REFRESH_TOKEN"),
        "client_id": context.secret("WORKDAY_CLIENT_ID"),
        "client_secret": context.secret("WORKDAY_CLIENT_SECRET"),
    }


def _refuse_rest(settings: Settings) -> None:
    if settings.surface == "rest":
        raise ConfigError(
            "Workday's REST API does not accept an integration system user's name and password",
            remedy="Give WORKDAY_REFRESH_TOKEN, WORKDAY_CLIENT_ID and WORKDAY_CLIENT_SECRET of an API client, or set"
            " `report` to read a custom report, which accepts the user.",
            code="workday.rest_needs_oauth",
        )
