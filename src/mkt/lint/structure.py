"""MKT2xx: the keys of a tenant's file. `mkt.configs` finds these while it reads; here stands what they mean."""

from typing import Final

from mkt.configs import codes
from mkt.lint.base import Rule

RULES: Final = (
    Rule(
        code=codes.UNKNOWN_KEY,
        name="unknown-key",
        summary="A key that mkt does not know, most often one mistyped.",
        bad='shedule: "15 2 * * *"',
        good='schedule: "15 2 * * *"',
    ),
    Rule(
        code=codes.MISSING_KEY,
        name="missing-key",
        summary="A key that is needed: `tenant`, and `connector` in each integration.",
        bad="integrations: [{name: roster}]",
        good="integrations: [{name: roster, connector: workday-hris}]",
    ),
    Rule(
        code=codes.WRONG_TYPE,
        name="wrong-type",
        summary="Text where a number belongs, and the like. By YAML 1.2 `yes`, `no` and `on` are text.",
        bad="enabled: yes",
        good="enabled: true",
    ),
    Rule(
        code=codes.WRONG_VALUE,
        name="wrong-value",
        summary="The right type, but not a value that is allowed: a name with capitals, a day that does not exist.",
        bad="tenant: North_Wind",
        good="tenant: north-wind",
    ),
    Rule(
        code=codes.DUPLICATE_NAME,
        name="duplicate-name",
        summary="Two integrations of the tenant have one name. Without `name:` it is the connector's id.",
        bad="integrations: [{connector: workday-hris}, {connector: workday-hris}]",
        good="integrations: [{connector: workday-hris}, {connector: workday-hris, name: contractors}]",
    ),
)
