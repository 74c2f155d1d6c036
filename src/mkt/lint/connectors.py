"""MKT3xx: the connector, and the settings that it reads."""

from collections.abc import Iterator, Mapping
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.configs.connector_settings import judge as judge_settings
from mkt.configs.document import Path
from mkt.configs.wording import suggestion
from mkt.lint.base import Rule, WrittenIntegration
from mkt.lint.urls import judge_urls
from mkt.registry import BrokenConnectorError, RegisteredConnector

RULES: Final = (
    Rule(
        code=codes.UNKNOWN_CONNECTOR,
        name="unknown-connector",
        summary="This installation has no connector of that id; see `mkt connectors list`.",
        bad="connector: workday",
        good="connector: workday-hris",
    ),
    Rule(
        code=codes.BROKEN_CONNECTOR,
        name="broken-connector",
        summary="The connector itself is broken, so its settings cannot be judged. Its maintainer mends it.",
        bad="connector: acme-hr    # its settings.py cannot be imported",
        good="connector: workday-hris",
    ),
    Rule(
        code=codes.UNKNOWN_SETTING,
        name="unknown-setting",
        summary="A setting that the connector does not know; see `mkt connectors show ID`.",
        bad="settings: {baseurl: https://wd5.workday.com}",
        good="settings: {base_url: https://wd5.workday.com}",
    ),
    Rule(
        code=codes.MISSING_SETTING,
        name="missing-setting",
        summary="A setting that the connector needs.",
        bad="settings: {tenant: northwind_dpt1}",
        good="settings: {tenant: northwind_dpt1, base_url: https://wd5.workday.com}",
    ),
    Rule(
        code=codes.WRONG_SETTING,
        name="wrong-setting",
        summary="A setting of the wrong type, or with a value that the connector does not take.",
        bad='settings: {page_size: "100"}',
        good="settings: {page_size: 100}",
    ),
    Rule(
        code=codes.MISPLACED_VALUE,
        name="secret-in-settings",
        summary="The value of a sensitive secret stands in the file. It has to be replaced at the partner.",
        bad="settings: {workday_client_secret: …}",
        good="secrets: {WORKDAY_CLIENT_SECRET: env:NORTHWIND_CLIENT_SECRET}",
    ),
    Rule(
        code=codes.WRONG_URL,
        name="wrong-url",
        summary="URLs are https; plain http is for loopback hosts only.",
        bad="base_url: http://wd5.workday.com",
        good="base_url: https://wd5.workday.com",
    ),
    Rule(
        code=codes.URL_CREDENTIALS,
        name="url-credentials",
        summary="A URL with a user name or password in it. It has to be replaced at the partner.",
        bad="base_url: https://isu:…@wd5.workday.com",
        good="base_url: https://wd5.workday.com",
    ),
    Rule(
        code=codes.FOREIGN_HOST,
        name="foreign-host",
        summary="A public host that the connector's manifest does not list: the runtime will not call it.",
        bad="base_url: https://workday.example.com",
        good="base_url: https://wd5.workday.com",
    ),
    Rule(
        code=codes.UNFINISHED,
        name="unfinished",
        summary="A setting that the connector needs, in an integration that is disabled without an end, as a new one"
        " is. `mkt enable` refuses until it is there.",
        bad="disabled: {reason: onboarding}\nsettings: {tenant: northwind_dpt1}",
        good="disabled: {reason: onboarding}\nsettings: {tenant: northwind_dpt1, base_url: https://wd5.workday.com}",
        severity="warning",
    ),
)


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Judge the connector and its settings."""
    name = written.data.get("connector")
    if not isinstance(name, str):
        return
    connector = written.registry.get(name)
    if connector is None:
        remedy = suggestion(name, written.registry)
        yield written.problem(codes.UNKNOWN_CONNECTOR, f"there is no connector {name}", ["connector"], remedy=remedy)
        return
    try:
        connector.require_manifest()
        problems = list(_settings(written, connector))
    except BrokenConnectorError as error:
        problems = [written.problem(codes.BROKEN_CONNECTOR, error.message, ["connector"], remedy=error.remedy)]
    yield from problems


def _settings(written: WrittenIntegration, connector: RegisteredConnector) -> Iterator[Problem]:
    """Judge the settings; a URL's own fault stands for what the connector's model says of the same setting."""
    given = written.data.get("settings")
    if given is not None and not isinstance(given, dict):
        return
    settings = written.mapping("settings")
    hosts = (*connector.require_manifest().hosts, *written.allowed_hosts)
    faults: dict[Path, tuple[str, str, str]] = dict(judge_urls(settings, hosts))
    for path, (code, message, remedy) in faults.items():
        yield written.problem(code, message, path, remedy=remedy)
    for wrong in judge_settings(settings, connector)[1]:
        finding = wrong.finding
        code = codes.UNFINISHED if wrong.code == codes.MISSING_SETTING and _rests(written) else wrong.code
        if not (code == codes.WRONG_SETTING and finding.path in faults):
            yield written.problem(code, finding.message, finding.path, remedy=finding.remedy, key=finding.at_key)


def _rests(written: WrittenIntegration) -> bool:
    """Tell whether somebody has to enable the integration before it runs; one with `until` runs by itself."""
    disabled = written.data.get("disabled")
    return written.data.get("enabled") is False or (isinstance(disabled, Mapping) and disabled.get("until") is None)
