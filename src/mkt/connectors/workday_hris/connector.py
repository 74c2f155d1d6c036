"""Workday HCM: whoever works for a tenant, from a custom report, the REST API or SOAP.

One listing of workers feeds all streams: people, their supervisory organizations and job profiles, and their
memberships in the organizations.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mkt.connectors.workday_hris.access import Context, Workday
from mkt.connectors.workday_hris.raas import Report
from mkt.connectors.workday_hris.rest import Workers
from mkt.connectors.workday_hris.roster import Roster, Worker
from mkt.connectors.workday_hris.settings import Settings
from mkt.connectors.workday_hris.soap import Directory
from mkt.contract import Change, Connector, Step, Syncs

_WID: Final = re.compile(r"[0-9a-f]{32}")
_LEAVERS_REMEDY: Final = {
    "raas": 'Let the report\'s owner take the data source "All Active and Terminated Workers", and add a status and'
    " a termination date.",
    "rest": 'Read a custom report on "All Active and Terminated Workers" (`report`): the REST API does not show'
    " who has left.",
    "soap": "They may stand on a later page. If there are none at all, Workday's administrator checks that the user's"
    " security group is unconstrained, so that it sees terminated workers too.",
}


class WorkdayHris(Connector[Settings], Syncs[Settings]):
    """The ladder, and the choice among the three surfaces."""

    def verify(self, context: Context) -> None:
        """Climb: credentials, token, endpoint, page, columns, leavers."""
        with context.step("credentials") as step:
            workday = Workday.of(context)
            step.evidence(workday.identity)
        with context.step("token") as step:
            _look_at_token(workday, step)
        roster = _roster(workday)
        with context.step("endpoint") as step:
            response = roster.ask()
            step.evidence(f"{context.settings.surface} answered {response.status} with {len(response.content)} bytes")
        with context.step("page") as step:
            workers = roster.workers(response)
            _look_at(workers, step, context)
        with context.step("columns") as step:
            roster.check_columns(step)
        with context.step("leavers") as step:
            _look_for_leavers(workers, step, context)

    def sync(self, context: Context) -> Iterator[Change]:
        """List all workers; SOAP, and a report with `{since}` in its prompts, list what changed."""
        workday = Workday.of(context)
        workday.sign_in()
        yield from _roster(workday).changes()


def _roster(workday: Workday) -> Roster:
    surfaces: dict[str, Callable[[Workday], Roster]] = {"raas": Report, "rest": Workers, "soap": Directory}
    return surfaces[workday.context.settings.surface](workday)


def _look_at_token(workday: Workday, step: Step) -> None:
    token = workday.sign_in()
    if token is None:
        step.skip(f"the {workday.identity} needs no token")
    elif token.expires_at is None:
        step.evidence("Workday granted an access token")
    else:
        minutes = round((token.expires_at - workday.context.runtime.now()).total_seconds() / 60)
        step.evidence(f"Workday granted an access token for {minutes} minutes")


def _look_at(workers: Sequence[Worker], step: Step, context: Context) -> None:
    step.evidence(f"{len(workers)} workers")
    unnamed = sum(not worker.external_id for worker in workers)
    if not workers:
        step.warn("there is nobody in it", remedy="Check the user's security group, and the report's filter.")
    elif unnamed:
        step.warn(f"{unnamed} of {len(workers)} workers have no id", remedy="Map `external_id` to a filled column.")
    elif _changes_ids(workers[0], context):
        step.warn(
            "people were stored under ids of another kind (WID, employee id): the next sync would replace them all",
            remedy="Go back to the mode used before, or expect the next sync to be held and approve it.",
        )


def _changes_ids(worker: Worker, context: Context) -> bool:
    stored = next(context.records("people"), None)
    return stored is not None and _is_wid(stored.external_id) != _is_wid(worker.external_id)


def _is_wid(external_id: str) -> bool:
    return _WID.fullmatch(external_id) is not None


def _look_for_leavers(workers: Sequence[Worker], step: Step, context: Context) -> None:
    today = context.runtime.now().date()
    leavers = sum(worker.has_left(today) for worker in workers)
    step.evidence(f"{leavers} of {len(workers)} workers are terminated")
    if not leavers:
        step.warn("no leaver is visible", remedy=_LEAVERS_REMEDY[context.settings.surface])


connector = WorkdayHris()
