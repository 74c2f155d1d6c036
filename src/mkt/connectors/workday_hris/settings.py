"""What a tenant says under `settings:` of a `workday-hris` integration."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Final, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mkt.contract import FIELDS

MAPPABLE: Final = ("external_id", *FIELDS["people"])
"""The fields that `columns` can name."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_PROMPTS: Final = ("since", "until")
_REST_PAGE: Final = 100
"""Workday's documented maximum of workers in a REST page."""


class Settings(BaseModel):
    """Where the tenant's Workday is, and what is read from it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = Field(
        description="Root of the tenant's Workday web services: scheme and host.",
        examples=["https://wd5-services1.workday.com"],
    )
    tenant: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="Workday's own name of the tenant, as it stands in its URLs.",
        examples=["northwind_dpt1"],
    )
    mode: Literal["auto", "raas", "rest", "soap"] = Field(
        default="auto",
        description="`raas` reads a custom report, `rest` the workers resource, `soap` the web service Get_Workers"
        " (for more than about 50,000 workers); `auto` is raas if a report is given, else rest.",
        examples=["auto"],
    )
    report: str = Field(
        default="",
        pattern=r"^$|^[^/?#\s]+/[^/?#]+$",
        description="The custom report as OWNER/REPORT.",
        examples=["isu_mkt/Learner_Roster"],
    )
    columns: Mapping[str, str] = Field(
        default_factory=dict,
        description="Record field to the report's column alias, where it differs from the report contract's.",
        examples=[{"external_id": "Employee_ID", "email": "primaryWorkEmail", "title": "Job_Title"}],
    )
    params: Mapping[str, str] = Field(
        default_factory=dict,
        description="Values for the report's prompts; {since} and {until} become moments like 2026-11-22T18:00:00.",
        examples=[{"From_Moment": "{since}", "To_Moment": "{until}"}],
    )
    api_path: str = Field(
        default="/ccx/api/v1/{tenant}/workers",
        pattern=r"^/[^?#\s]*$",
        description="Path of the REST workers resource; {tenant} is replaced.",
        examples=["/ccx/api/staffing/v6/{tenant}/workers"],
    )
    page_size: int = Field(
        default=100, ge=1, le=999, description="Workers per page: REST at most 100, SOAP at most 999.", examples=[100]
    )
    soap_version: str = Field(
        default="v43.0",
        pattern=r"^v\d{1,2}\.\d$",
        description="Version of the Human_Resources web service that mode soap calls.",
        examples=["v43.0"],
    )

    @field_validator("base_url")
    @classmethod
    def _is_a_root(cls, value: str) -> str:
        url = urlsplit(value)
        if not url.hostname or url.scheme not in {"http", "https"} or url.port == 0:
            raise ValueError("is not a URL such as https://wd5-services1.workday.com")
        if "@" in url.netloc:
            raise ValueError("has credentials in it: give them as secrets")
        if url.query or url.fragment:
            raise ValueError("has more than scheme and host: leave out what follows them")
        if url.scheme == "http" and not _is_loopback(url.hostname):
            raise ValueError("must be https (plain http is for loopback hosts only)")
        return value.rstrip("/")

    @field_validator("columns")
    @classmethod
    def _names_record_fields(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for field, alias in value.items():
            if field not in MAPPABLE:
                raise ValueError(f"{field} is not a record field{_did_you_mean(field)}")
            if not alias.strip():
                raise ValueError(f"{field} has no column alias")
        return value

    @field_validator("params")
    @classmethod
    def _has_known_placeholders(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if "format" in value:
            raise ValueError("format is not a prompt: the report is always read as JSON")
        for prompt, text in value.items():
            unknown = set(_PLACEHOLDER.findall(text)) - set(_PROMPTS)
            if unknown:
                raise ValueError(f"{prompt} has {{{min(unknown)}}}: only {{since}} and {{until}} are replaced")
        return value

    @model_validator(mode="after")
    def _has_a_report_for_raas(self) -> Self:
        if self.mode == "raas" and not self.report:
            raise ValueError("mode raas reads a custom report: give it as `report: OWNER/REPORT`")
        return self

    @model_validator(mode="after")
    def _has_a_page_that_rest_gives(self) -> Self:
        if self.surface == "rest" and self.page_size > _REST_PAGE:
            raise ValueError(f"page_size is at most {_REST_PAGE} in mode rest")
        return self

    @property
    def surface(self) -> Literal["raas", "rest", "soap"]:
        """The mode in force."""
        if self.mode == "auto":
            return "raas" if self.report else "rest"
        return self.mode

    @property
    def incremental(self) -> bool:
        """Tell whether the report is asked for what changed since a moment."""
        return any("{since}" in text for text in self.params.values())

    @property
    def token_url(self) -> str:
        return f"{self.base_url}/ccx/oauth2/{self.tenant}/token"

    @property
    def workers_url(self) -> str:
        return self.base_url + self.api_path.replace("{tenant}", self.tenant)

    @property
    def service_url(self) -> str:
        return f"{self.base_url}/ccx/service/{self.tenant}/Human_Resources/{self.soap_version}"

    @property
    def report_url(self) -> str:
        report = "/".join(quote(part, safe="") for part in self.report.split("/"))
        return f"{self.base_url}/ccx/service/customreport2/{self.tenant}/{report}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _did_you_mean(field: str) -> str:
    near = get_close_matches(field, MAPPABLE, n=1)
    return f"; did you mean {near[0]}?" if near else f" (known are {', '.join(MAPPABLE)})"
