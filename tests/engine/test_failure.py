from mkt.contract import AuthError, PartnerError, TransientError
from mkt.engine.failure import failure_of, fingerprint


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
    one = failure_of(TransientError("GET https://a.example/x/1 timed out for acme"), "workday-hris", "acme")
    other = failure_of(TransientError("GET https://b.example/y/2 timed out for globex"), "workday-hris", "globex")
    assert one.fingerprint == other.fingerprint


def test_different_causes_have_different_fingerprints() -> None:
    one = failure_of(PartnerError("no Report_Entry"), "workday-hris")
    other = failure_of(PartnerError("the same page again"), "workday-hris")
    assert one.fingerprint != other.fingerprint
