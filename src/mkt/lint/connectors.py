"""MKT3xx: the connector, and the settings that it reads."""

import re
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.configs.connector_settings import judge as judge_settings
from mkt.configs.document import Path
from mkt.configs.findings import Finding
from mkt.configs.suggestion import suggestion
from mkt.contract import SecretDeclaration
from mkt.lint.base import Rule, WrittenIntegration
from mkt.lint.urls import judge_urls
from mkt.registry import BrokenConnectorError, RegisteredConnector

RULES: Final = (
    Rule(
        code=codes.UNKNOWN_CONNECTOR,
        name="unknown-connector",
        summary="This installation has no connector of that id; see `mkt connectors list`.",
        why="The integration cannot run.",
        bad="connector: workday",
        good="connector: workday-hris",
    ),
    Rule(
        code=codes.BROKEN_CONNECTOR,
        name="broken-connector",
        summary="The connector itself is broken, so its settings cannot be judged. Its maintainer mends it.",
        why="None of its integrations runs, and nothing in a tenant's file can help.",
        bad="connector: acme-hr    # its settings.py cannot be imported",
        good="connector: workday-hris",
    ),
    Rule(
        code=codes.UNKNOWN_SETTING,
        name="unknown-setting",
        summary="A setting that the connector does not know; see `mkt connectors show ID`.",
        why="It has no effect: what it was to say, the connector takes from a default.",
        bad="settings: {baseurl: https://wd5.workday.com}",
        good="settings: {base_url: https://wd5.workday.com}",
    ),
    Rule(
        code=codes.MISSING_SETTING,
        name="missing-setting",
        summary="A setting that the connector needs.",
        why="The integration cannot run: verify and sync stop before they call the partner.",
        bad="settings: {tenant: northwind_dpt1}",
        good="settings: {tenant: northwind_dpt1, base_url: https://wd5.workday.com}",
    ),
    Rule(
        code=codes.WRONG_SETTING,
        name="wrong-setting",
        summary="A setting of the wrong type, or with a value that the connector does not take.",
        why="The integration cannot run: verify and sync stop before they call the partner.",
        bad='settings: {page_size: "100"}',
        good="settings: {page_size: 100}",
    ),
    Rule(
        code=codes.MISPLACED_VALUE,
        name="secret-in-settings",
        summary="The value of a sensitive secret stands in the file. It has to be replaced at the partner.",
        why="Whoever reads the repository, its history or the log of a build can use it until it is replaced.",
        bad="settings: {workday_client_secret: …}",
        good="secrets: {WORKDAY_CLIENT_SECRET: env:NORTHWIND_CLIENT_SECRET}",
    ),
    Rule(
        code=codes.WRONG_URL,
        name="wrong-url",
        summary="URLs are https; plain http is for loopback hosts only.",
        why="Over plain http whoever is on the way reads the records and the secrets.",
        bad="base_url: http://wd5.workday.com",
        good="base_url: https://wd5.workday.com",
    ),
    Rule(
        code=codes.URL_CREDENTIALS,
        name="url-credentials",
        summary="A URL with a user name or password in it. It has to be replaced at the partner.",
        why="URLs stand in logs and in errors, on both sides.",
        bad="base_url: https://isu:…@wd5.workday.com",
        good="base_url: https://wd5.workday.com",
    ),
    Rule(
        code=codes.FOREIGN_HOST,
        name="foreign-host",
        summary="A public host that the connector's manifest does not list: the runtime will not call it.",
        why="A mistyped host, or one that somebody slipped in, would be sent the secrets.",
        bad="base_url: https://workday.example.com",
        good="base_url: https://wd5.workday.com",
    ),
    Rule(
        code=codes.UNFINISHED,
        name="unfinished",
        summary="A setting that the connector needs, in an integration that is disabled without an end, as a new one"
        " is. `mkt enable` refuses until it is there.",
        why="Whoever enables it later should know what is still to come.",
        bad="disabled: {reason: onboarding}\nsettings: {tenant: northwind_dpt1}",
        good="disabled: {reason: onboarding}\nsettings: {tenant: northwind_dpt1, base_url: https://wd5.workday.com}",
        severity="warning",
    ),
)


_WORD: Final = re.compile(r"\w+")


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
        secret = _secret_called(finding, connector) if wrong.code == codes.UNKNOWN_SETTING else None
        code = codes.UNFINISHED if wrong.code == codes.MISSING_SETTING and _rests(written) else wrong.code
        if secret:
            yield _secret_in_settings(written, finding.path, secret)
        elif not (code == codes.WRONG_SETTING and finding.path in faults):
            path, key = _place(finding, written)
            yield written.problem(code, finding.message, path, remedy=finding.remedy, key=key)


def _rests(written: WrittenIntegration) -> bool:
    """Tell whether somebody has to enable the integration before it runs; one with `until` runs by itself."""
    disabled = written.data.get("disabled")
    return written.data.get("enabled") is False or (isinstance(disabled, Mapping) and disabled.get("until") is None)


def _secret_called(finding: Finding, connector: RegisteredConnector) -> SecretDeclaration | None:
    """Return the secret that stands where a setting should, by its name or the end of it such as `client_secret`."""
    name = str(finding.path[-1]).upper().replace("-", "_")
    called = [secret for secret in connector.secrets.values() if f"_{secret.name}".endswith(f"_{name}")]
    exact = [secret for secret in called if secret.name == name]
    meant = exact or [secret for secret in called if secret.sensitive]
    return meant[0] if len(finding.path) == _TOP and len(meant) == 1 else None


_TOP: Final = 2
"""Parts of a path such as settings.base_url."""


def _secret_in_settings(written: WrittenIntegration, path: Path, secret: SecretDeclaration) -> Problem:
    name = secret.name
    if secret.sensitive:
        message = f"{name} is sensitive and must not stand under settings"
        remedy = (
            f"Replace the value at the partner, since it was written down, and put a reference to it: secrets.{name}."
        )
        return written.problem(codes.MISPLACED_VALUE, message, path, remedy=remedy, key=True)
    message = f"{name} is an identifier, which settings know as {name.lower()}"
    remedy = f"Write {name.lower()} here, or put a reference to it: secrets.{name}."
    return written.problem(codes.UNKNOWN_SETTING, message, path, remedy=remedy, key=True)


def _place(finding: Finding, written: WrittenIntegration) -> tuple[Path, bool]:
    """Return where a finding stands: what is wrong with several settings at once, at the first that it names."""
    value: Any = reduce(_below, finding.path, written.data)
    if finding.at_key or not isinstance(value, Mapping) or finding.kind != "value":
        return finding.path, finding.at_key
    named = next((word for word in _WORD.findall(finding.message.partition(":")[2]) if word in value), None)
    return ((*finding.path, named), False) if named else (finding.path, True)


def _below(value: Any, part: str | int) -> Any:
    """Return what stands under a key or an index, None where there is neither."""
    if isinstance(value, Mapping):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None
