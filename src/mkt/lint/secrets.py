"""MKT4xx: references to secrets. Nothing is resolved, and what stands there is never repeated."""

import difflib
from collections.abc import Iterator
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.configs.structure import REPLACE_IT
from mkt.configs.wording import suggestion
from mkt.lint.base import Rule, WrittenIntegration
from mkt.secrets.base import Reference

RULES: Final = (
    Rule(
        code=codes.UNDECLARED_NAME,
        name="unknown-secret",
        summary="A secret that the connector's manifest does not declare; see `mkt connectors show ID`.",
        bad="secrets: {WORKDAY_PASSWORD: env:NORTHWIND_PASSWORD}",
        good="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_PASSWORD}",
    ),
    Rule(
        code=codes.NO_REFERENCE,
        name="no-reference",
        summary="A value where a reference belongs. If it was the secret, it has to be replaced at the partner.",
        bad="secrets: {WORKDAY_ISU_PASSWORD: …}",
        good="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_ISU_PASSWORD}",
    ),
    Rule(
        code=codes.UNKNOWN_SCHEME,
        name="unknown-scheme",
        summary="A reference to a kind of place that this installation does not read, or a value with a colon in it.",
        bad="secrets: {WORKDAY_ISU_PASSWORD: environment:NORTHWIND_ISU_PASSWORD}",
        good="secrets: {WORKDAY_ISU_PASSWORD: env:NORTHWIND_ISU_PASSWORD}",
    ),
    Rule(
        code=codes.WRONG_LOCATOR,
        name="wrong-locator",
        summary="What follows the scheme does not name a place.",
        bad="secrets: {WORKDAY_ISU_PASSWORD: keyring:northwind}",
        good="secrets: {WORKDAY_ISU_PASSWORD: keyring:mkt/northwind/WORKDAY_ISU_PASSWORD}",
    ),
    Rule(
        code=codes.GIVEN_TWICE,
        name="given-twice",
        summary="An identifier stands both under secrets and under settings; the reference counts.",
        bad="settings: {workday_client_id: abc}\nsecrets: {WORKDAY_CLIENT_ID: env:NORTHWIND_CLIENT_ID}",
        good="settings: {workday_client_id: abc}",
        severity="warning",
    ),
)


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Judge every name and every reference."""
    for name, text in written.mapping("secrets").items():
        yield from _name(written, name)
        fault = _reference(written, name, text) if isinstance(text, str) else None
        if fault is not None:
            yield fault


def _name(written: WrittenIntegration, name: str) -> Iterator[Problem]:
    path = ["secrets", name]
    manifest = written.connector.manifest if written.connector else None
    if manifest is None:
        return
    declared = manifest.secret(name)
    if declared is None:
        message = f"{manifest.id} has no secret {name}"
        remedy = suggestion(name, [secret.name for secret in manifest.secrets])
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
