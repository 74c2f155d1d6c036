"""What a verify on the workbench showed, in the few words that a connector's tests compare."""

from mkt.contract import Actor, StepOutcome
from mkt.testing.workbench import Workbench


def outcomes(bench: Workbench) -> dict[str, StepOutcome]:
    """Verify, and return the outcome of each step."""
    return {step.step: step.outcome for step in bench.verify().steps}


def failure(bench: Workbench) -> tuple[str, str, Actor]:
    """Verify, and return the one step that failed, the error's code and who acts."""
    result = bench.verify()
    assert result.failure is not None
    (failed,) = [step.step for step in result.steps if step.outcome == "fail"]
    return failed, result.failure.code, result.failure.actor


def said(bench: Workbench, step: str) -> str:
    """Verify, and return what one step showed and what to do."""
    (found,) = [result for result in bench.verify().steps if result.step == step]
    return f"{found.evidence} -> {found.remedy}"
