import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import AuthError, PartnerError, TransientError
from mkt.engine.failure import failure_of, fingerprint

SLUGS = st.from_regex(r"[a-z0-9](-?[a-z0-9]){3,30}", fullmatch=True)
NUMBERS = st.integers(0, 10**9)
# What mkt itself says of a tenant, with all that differs from one to the other.
SAYINGS = (
    "GET https://{tenant}.partner.example/api/{tenant}/r{number}?token answered 503 Service Unavailable",
    "POST https://wd{number}.partner.example/ccx/{tenant}: no answer within 30 s",
    "{tenant}/roster was stopped by our own limit of {number} s for one verify",
    "secret TOKEN of {tenant}/roster is missing; tried env:{upper}_TOKEN (not there); configs/{tenant}.yaml:{number}",
    "{number} of {number} records are not usable: people in '{tenant}', row {number}",
    "no member {number} of {tenant} since 2026-11-22T18:00:{number}Z",
    "the account {tenant}_dpt{number} is locked",
)
# Every two of these are two causes, although they differ in little.
CAUSES = (
    "GET https://a.partner.example/x answered 503 Service Unavailable",
    "GET https://a.other.example/x answered 503 Service Unavailable",
    "POST https://a.partner.example/x answered 503 Service Unavailable",
    "GET https://a.partner.example/x answered 503 Service Unavailable: maintenance",
    "GET https://hr.acme.co.uk/x: the connection was refused",
    "GET https://hr.globex.co.uk/x: the connection was refused",
    "no TLS connection: TLSV1_ALERT_INTERNAL_ERROR",
    "no TLS connection: TLSV1_ALERT_PROTOCOL_VERSION",
    "integrations.0.settings.base_url: is missing",
    "integrations.0.settings.report: is missing",
    "secret TOKEN of acme/roster is missing",
    "secret PASSWORD of acme/roster is missing",
)


def _said(template: str, tenant: str, number: int) -> str:
    upper = tenant.replace("-", "_").upper()
    return failure_of(
        TransientError(template.format(tenant=tenant, number=number, upper=upper)), "workday-hris", tenant
    ).fingerprint


@pytest.mark.parametrize("template", SAYINGS)
@given(one=SLUGS, other=SLUGS, first=NUMBERS, second=NUMBERS)
def test_what_is_said_of_any_two_tenants_has_one_fingerprint(
    template: str, one: str, other: str, first: int, second: int
) -> None:
    assert _said(template, one, first) == _said(template, other, second)


@given(tenant=SLUGS)
def test_no_two_causes_share_a_fingerprint(tenant: str) -> None:
    found = {failure_of(TransientError(cause), "workday-hris", tenant).fingerprint for cause in CAUSES}
    assert len(found) == len(CAUSES)


@given(words=st.text(), tenant=st.one_of(st.just(""), SLUGS))
def test_any_text_has_a_fingerprint(words: str, tenant: str) -> None:
    assert re.fullmatch("[0-9a-f]{12}", fingerprint("x", "partner", "partner", words, tenant))


@given(words=st.text(alphabet="a'\"`/.:@# 1h", max_size=300))
def test_no_text_takes_long(words: str) -> None:
    found = fingerprint("x", "partner", "partner", words * 10, "acme")
    assert re.fullmatch("[0-9a-f]{12}", found), "hypothesis ends what takes long"


def test_a_connectors_own_code_is_the_cause_whatever_the_message_adds() -> None:
    one = PartnerError("no report Learner Roster", code="workday.no_report")
    other = PartnerError("no report People", code="workday.no_report")
    assert failure_of(one, "workday-hris").fingerprint == failure_of(other, "workday-hris").fingerprint


def test_two_bugs_of_one_type_at_different_places_are_two_causes() -> None:
    found = set()
    for key in ("a", "b"):
        try:
            _ = {}[key] if key == "a" else {}[key + key]
        except KeyError as error:
            found.add(failure_of(error, "workday-hris").fingerprint)
    assert len(found) == 1
    try:
        _ = {}["c"]
    except KeyError as error:
        found.add(failure_of(error, "workday-hris").fingerprint)
    assert len(found) == 2


def test_a_short_slug_that_is_an_ordinary_word_leaves_the_words_alone() -> None:
    one = failure_of(TransientError("there is no answer"), "workday-hris", "no")
    other = failure_of(TransientError("there is no answer"), "workday-hris", "globex")
    assert one.fingerprint == other.fingerprint


def test_a_connector_error_says_all_that_it_knows() -> None:
    failure = failure_of(AuthError("no", remedy="send a new one", code="workday.expired"), "workday-hris")
    assert failure.as_dict() == {
        "class": "auth",
        "code": "workday.expired",
        "message": "no",
        "remedy": "send a new one",
        "actor": "customer",
        "fingerprint": fingerprint("workday-hris", "auth", "workday.expired", "no"),
    }


def test_a_bug_names_its_type_and_place_but_no_text() -> None:
    try:
        {}["anna@example.com"]
    except KeyError as error:
        failure = failure_of(error, "workday-hris")
    assert failure.error_class == "bug"
    assert "KeyError at test_failure.py:" in failure.message
    assert "anna" not in str(failure)


def test_equal_causes_of_different_tenants_have_one_fingerprint() -> None:
    one = failure_of(TransientError("GET https://a.partner.example/x/1 timed out for acme"), "workday-hris", "acme")
    other = failure_of(
        TransientError("GET https://b.partner.example/y/2 timed out for globex"), "workday-hris", "globex"
    )
    assert one.fingerprint == other.fingerprint


def test_different_causes_have_different_fingerprints() -> None:
    one = failure_of(PartnerError("no Report_Entry"), "workday-hris")
    other = failure_of(PartnerError("the same page again"), "workday-hris")
    assert one.fingerprint != other.fingerprint
