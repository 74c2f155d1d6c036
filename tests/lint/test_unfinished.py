from collections.abc import Callable

import pytest

from mkt.configs.base import Problem
from mkt.lint import chosen

Lint = Callable[..., list[Problem]]
ENTRY = "tenant: northwind\nintegrations:\n  - connector: acme-hr\n    settings: {{mode: full}}\n    {}\n"


@pytest.mark.parametrize("rest", ["disabled: {reason: onboarding}", "disabled: {}", "enabled: false"])
def test_what_is_missing_while_an_integration_rests_without_an_end_is_a_warning(lint: Lint, rest: str) -> None:
    (problem,) = chosen(lint({"northwind.yaml": ENTRY.format(rest)}), select=["MKT3"])
    assert (problem.code, problem.severity) == ("MKT310", "warning")


@pytest.mark.parametrize("rest", ["disabled: {until: 2027-01-07}", "disabled: null", "enabled: true"])
def test_what_is_missing_where_it_will_run_by_itself_is_an_error(lint: Lint, rest: str) -> None:
    (problem,) = chosen(lint({"northwind.yaml": ENTRY.format(rest)}), select=["MKT3"])
    assert (problem.code, problem.severity) == ("MKT304", "error")
