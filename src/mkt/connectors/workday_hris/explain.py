"""What Workday's errors mean, and who does what about them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

from mkt.connectors.workday_hris.settings import Settings
from mkt.connectors.workday_hris.soap_faults import error_of
from mkt.connectors.workday_hris.soap_xml import read_fault
from mkt.contract import AccessDenied, AuthError, ConfigError, ConnectorError, Response, TransientError

Credentials = Literal["refresh_token", "isu", "bearer"]
_PROMPT: Final = re.compile(r"Report parameter (.{1,80}?) is required", re.IGNORECASE)
_ADMIN: Final = "Workday's administrator"


@dataclass(frozen=True)
class Explainer:
    """Looks at each answer with a status of 400 or more; None leaves it to its status."""

    settings: Settings
    credentials: Credentials

    def __call__(self, response: Response) -> ConnectorError | None:
        if response.url.startswith(self.settings.token_url):
            return self._of_token(response)
        if self.settings.surface == "soap" and (error := self.of_fault(response)):
            return error
        by_status: dict[int, Callable[[Response], ConnectorError | None]] = {
            HTTPStatus.BAD_REQUEST: self._of_request,
            HTTPStatus.UNPROCESSABLE_ENTITY: self._of_request,
            HTTPStatus.UNAUTHORIZED: self._of_credentials,
            HTTPStatus.FORBIDDEN: self._of_rights,
            HTTPStatus.NOT_FOUND: self._of_address,
            HTTPStatus.INTERNAL_SERVER_ERROR: self._of_task,
        }
        explain = by_status.get(response.status)
        return explain(response) if explain else None

    def of_fault(self, response: Response) -> ConnectorError | None:
        """Return what a SOAP fault means; the status says nothing, Workday sends 500 for a wrong password too."""
        fault = read_fault(response.content)
        if fault is None:
            return None
        if fault.code == "Client.authenticationError" or "invalid username or password" in fault.said.lower():
            return self._of_credentials(response)
        return self._of_task(response) or error_of(fault)

    def _of_token(self, response: Response) -> ConnectorError | None:
        if response.status == HTTPStatus.NOT_FOUND:
            return ConfigError(
                "Workday has no token endpoint at this address",
                remedy="Correct `base_url` (the web services host, such as https://wd5-services1.workday.com) or"
                f" `tenant` ({self.settings.tenant}).",
                code="workday.token_url",
            )
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return TransientError(
                f"Workday's token endpoint is unavailable (503) for tenant {self.settings.tenant}: maintenance, or"
                " there is no tenant of this name",
                remedy=f"Check the tenant name {self.settings.tenant} in `tenant`; if it is right, wait for the end"
                " of Workday's maintenance.",
                code="workday.token_unavailable",
                actor="us",
            )
        if response.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
            return _refused_grant(response)
        return None

    def _of_request(self, response: Response) -> ConnectorError | None:
        said = _message(response)
        prompt = _PROMPT.search(said)
        if prompt:
            return ConfigError(
                f'the report asks for a value of its prompt "{prompt[1]}"',
                remedy=f'Give it under `params`, such as `{prompt[1].replace(" ", "_")}: "{{since}}"`, or let'
                " the report's owner remove the prompt.",
                code="workday.report_prompt",
            )
        if "validation" not in said.lower():
            return None
        return ConfigError(
            f"Workday finds the request not valid: {said}",
            remedy="Correct the setting that it names (`report`, `params`, `api_path`, `page_size`).",
            code="workday.validation",
        )

    def _of_credentials(self, _: Response) -> ConnectorError:
        if self.credentials == "bearer":
            return AuthError(
                "static token expired; configure a refresh token",
                remedy="Give WORKDAY_REFRESH_TOKEN, WORKDAY_CLIENT_ID and WORKDAY_CLIENT_SECRET instead of"
                " WORKDAY_BEARER_TOKEN, which lives for about an hour.",
                code="workday.static_token_expired",
                actor="us",
            )
        if self.credentials == "isu":
            return AuthError(
                "Workday does not accept the integration system user's name and password",
                remedy=f"{_ADMIN} checks the user: password expired or changed, account locked, or not"
                " allowed by its authentication policy. Trying again may lock it.",
                code="workday.isu_refused",
            )
        return AuthError(
            "Workday does not accept the access token for this resource",
            remedy=f"{_ADMIN} checks the API client's functional areas (Staffing; for reports also"
            " Tenant Non-Configurable) and that its refresh token is of the integration system user.",
            code="workday.token_refused",
        )

    def _of_rights(self, _: Response) -> ConnectorError:
        return self._denied("Workday denies access")

    def _of_task(self, response: Response) -> ConnectorError | None:
        """Leave a 500 to the next try, unless it says that the right is missing."""
        if "not authorized" in response.text.lower():
            return self._denied("Workday did not authorize the task that was submitted")
        return None

    def _denied(self, what: str) -> ConnectorError:
        if self.settings.surface == "raas":
            return AccessDenied(
                f"{what} to report {self.settings.report}",
                remedy=f"{_ADMIN} shares the report with the integration system user and gives the user's"
                " security group Get access to the report's data source and fields.",
                code="workday.report_denied",
            )
        if self.settings.surface == "soap":
            return AccessDenied(
                f"{what} to Get_Workers",
                remedy=f"{_ADMIN} gives the user's security group Get access to the domain Worker Data: Public Worker"
                " Reports, and activates the pending security policy changes.",
                code="workday.get_workers_denied",
            )
        return AccessDenied(
            f"{what} to the workers resource",
            remedy=f"{_ADMIN} adds the functional area Staffing to the API client and gives the user's"
            " security group Get access to the domain Worker Data: Public Worker Reports.",
            code="workday.workers_denied",
        )

    def _of_address(self, _: Response) -> ConnectorError:
        if self.settings.surface == "raas":
            return ConfigError(
                f"Workday has no report {self.settings.report} in tenant {self.settings.tenant}",
                remedy="Correct `report` (OWNER/REPORT as in the report's web service URL) or `tenant`; the report"
                ' must have "Enable As Web Service" ticked.',
                code="workday.no_report",
            )
        if self.settings.surface == "soap":
            return ConfigError(
                f"Workday has no web service Human_Resources {self.settings.soap_version} at this address of tenant"
                f" {self.settings.tenant}",
                remedy="Correct `base_url`, `tenant` or `soap_version`.",
                code="workday.no_service",
            )
        return ConfigError(
            f"Workday has no workers resource at this address of tenant {self.settings.tenant}",
            remedy="Correct `api_path`, `base_url` or `tenant`.",
            code="workday.no_resource",
        )


def _refused_grant(response: Response) -> ConnectorError:
    reason = _field(_body(response), "error")
    if reason == "invalid_client":
        return AuthError(
            "Workday does not know the API client: client id or secret is wrong",
            remedy=f"{_ADMIN} sends the Client ID again and generates a new client secret; store both.",
            code="workday.invalid_client",
        )
    return AuthError(
        "Workday does not accept the refresh token, or not with this client id and secret",
        remedy=f"{_ADMIN} generates a new token with Manage Refresh Tokens for Integrations, and checks"
        ' that the API client is enabled and has "Non-Expiring Refresh Tokens" ticked.',
        code="workday.invalid_grant" if reason == "invalid_grant" else "workday.token_denied",
    )


def _message(response: Response) -> str:
    """Return Workday's own words on one line: `error` and the `error` of each of `errors`, at most 300 characters."""
    body = _body(response)
    errors = body.get("errors") if isinstance(body, dict) else None
    parts = [_field(body, "error"), *(_field(part, "error") for part in (errors if isinstance(errors, list) else ()))]
    said = ": ".join(filter(None, parts)) or (response.text if body is None else "")
    return "".join(c if c.isprintable() else " " for c in said)[:300].strip()


def _body(response: Response) -> Any:
    try:
        return response.json()
    except ConnectorError:
        return None


def _field(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
