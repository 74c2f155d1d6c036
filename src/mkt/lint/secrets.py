"""MKT4xx: references to secrets. Nothing is resolved, and what stands there is never repeated."""

import difflib
from collections.abc import Collection, Iterator
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.configs.structure import REPLACE_IT
from mkt.configs.suggestion import suggestion
from mkt.contract import ConnectorConfiguration, SecretDeclaration
from mkt.lint.base import Rule, WrittenIntegration
from mkt.registry import RegisteredConnector
from mkt.secrets.base import Reference
from mkt.secrets.lookup import default_places

RULES: Final = (
    Rule(
        code=codes.UNDECLARED_NAME,
        name="unknown-secret",
        summary="A secret that the connector's manifest does not declare; see `mkt connectors show ID`.",
        why="Nobody ever asks for it. The secret that was meant is looked for in the default places.",
        bad="secrets: {WORKDAY_PASSWORD: env:NORTHWIND_PASSWORD}",
        good="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_PASSWORD}",
    ),
    Rule(
        code=codes.NO_REFERENCE,
        name="no-reference",
        summary="A value where a reference belongs. If it was the secret, it has to be replaced at the partner.",
        why="Whoever reads the repository, its history or the log of a build can use it until it is replaced.",
        bad="secrets: {WORKDAY_ISU_PASSWORD: …}",
        good="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_ISU_PASSWORD}",
    ),
    Rule(
        code=codes.UNKNOWN_SCHEME,
        name="unknown-scheme",
        summary="A reference to a kind of place that this installation does not read, or a value with a colon in it.",
        why="Nobody looks there, so the integration has no secret; if it is a value, everybody can read it.",
        bad="secrets: {WORKDAY_ISU_PASSWORD: environment:NORTHWIND_ISU_PASSWORD}",
        good="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_ISU_PASSWORD}",
    ),
    Rule(
        code=codes.WRONG_LOCATOR,
        name="wrong-locator",
        summary="What follows the scheme does not name a place.",
        why="Nothing can stand there, so the integration has no secret.",
        bad="secrets: {WORKDAY_ISU_PASSWORD: keyring:northwind}",
        good="secrets: {WORKDAY_ISU_PASSWORD: keyring:mkt/northwind/WORKDAY_ISU_PASSWORD}",
    ),
    Rule(
        code=codes.GIVEN_TWICE,
        name="given-twice",
        summary="An identifier stands both under secrets and under settings; the reference counts.",
        why="When one of them is changed, the other one stays, and nobody knows which was meant.",
        bad="settings: {workday_client_id: abc}\nsecrets: {WORKDAY_CLIENT_ID: env:NORTHWIND_CLIENT_ID}",
        good="settings: {workday_client_id: abc}",
        severity="warning",
    ),
    Rule(
        code=codes.NO_SOURCE,
        name="no-source",
        summary="The file says where some of the connector's secrets are, but not where one is that goes with them."
        " An integration that names none uses the default places, and is left alone.",
        bad="secrets:\n  WORKDAY_ISU_USERNAME: env:NORTHWIND_USER",
        good="secrets:\n  WORKDAY_ISU_USERNAME: env:NORTHWIND_USER\n  WORKDAY_ISU_PASSWORD: env:NORTHWIND_PASSWORD",
        severity="warning",
        why="Most often it was forgotten: verify and sync then look in the default places, and fail.",
    ),
    Rule(
        code=codes.NOT_FOUND,
        name="secret-not-found",
        summary="A secret that an enabled integration needs is in none of its places on this machine. Only"
        " `mkt lint --check-secrets` looks; it tells where it looked, and never a value.",
        bad="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_PASSWORD}    # and no such variable",
        good="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_PASSWORD}    # which stands in .env",
        why="Whatever needs it fails on this machine, at night too.",
    ),
)


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Judge every name and every reference."""
    for name, text in written.mapping("secrets").items():
        yield from _name(written, name)
        fault = _reference(written, name, text) if isinstance(text, str) else None
        if fault is not None:
            yield fault
    yield from _sources(written)


def _name(written: WrittenIntegration, name: str) -> Iterator[Problem]:
    path = ["secrets", name]
    if written.connector is None:
        return
    declared = written.connector.secrets.get(name)
    if declared is None:
        message = f"{written.connector.id} has no secret {name}"
        remedy = suggestion(name, written.connector.secrets)
        yield written.problem(codes.UNDECLARED_NAME, message, path, remedy=remedy, key=True)
    elif not declared.sensitive and name.lower() in written.mapping("settings"):
        message = f"{name} stands under settings too, as {name.lower()}"
        yield written.problem(codes.GIVEN_TWICE, message, path, remedy="Keep one of them.", key=True)


def _reference(written: WrittenIntegration, name: str, text: str) -> Problem | None:
    path = ["secrets", name]
    try:
        reference = Reference.parse(text)
    except ValueError as error:
        return written.problem(codes.NO_REFERENCE, f"secrets.{name} is {error}", path, remedy=REPLACE_IT)
    backend = written.backends.get(reference.scheme)
    if backend is None:
        known = ", ".join(f"{scheme}:" for scheme in written.backends)
        near = difflib.get_close_matches(reference.scheme, written.backends, n=1)
        remedy = f"Did you mean {near[0]}:?" if near else REPLACE_IT
        return written.problem(
            codes.UNKNOWN_SCHEME, f"secrets.{name} begins with none of {known}", path, remedy=remedy
        )
    wrong = backend.check(reference.locator)
    if wrong:
        return written.problem(codes.WRONG_LOCATOR, f"secrets.{name}: {wrong}", path, remedy="Correct the reference.")
    return None


def _sources(written: WrittenIntegration) -> Iterator[Problem]:
    """Find what a person who has named some of the secrets has most likely forgotten."""
    connector, named = written.connector, written.mapping("secrets")
    if not connector or not named or not named.keys() <= connector.secrets.keys():
        return
    given = {*named, *(key.upper() for key, value in written.mapping("settings").items() if value)}
    for secret in _needed(connector, named, given):
        if secret.name not in given or (secret.sensitive and secret.name not in named):
            integration = _configuration(written)
            env, keyring = default_places(integration, secret.name)
            command = f"mkt secrets {'generate' if secret.generate else 'set'} {integration.target} {secret.name}"
            message = f"{secret.name} is needed too, and secrets does not say where it is"
            remedy = f"Add it, or put the value into a default place: {env}, or with `{command}` {keyring}."
            yield written.problem(codes.NO_SOURCE, message, ["secrets"], remedy=remedy, key=True)


def _needed(
    connector: RegisteredConnector, named: Collection[str], given: Collection[str]
) -> Iterator[SecretDeclaration]:
    """Return what is needed always, and what the alternative that was begun needs."""
    always, *sets = connector.required_secrets
    yield from always
    begun = [members for members in sets if any(secret.name in named for secret in members)]
    if begun:
        yield from min(begun, key=lambda members: sum(secret.name not in given for secret in members))


def _configuration(written: WrittenIntegration) -> ConnectorConfiguration:
    connector = str(written.data.get("connector"))
    name = str(written.data.get("name") or connector)
    return ConnectorConfiguration(tenant=written.file.tenant, name=name, connector=connector)
