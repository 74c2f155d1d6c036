"""What is sent to a customer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import Actor, StepOutcome
from mkt.engine.report import Failure, Report, Result, StepResult, VerifyOutcome
from mkt.engine.verify.for_customer import ForCustomer
from mkt.output.customer import asked_lines, customer_object, customer_texts, document

SEEN = datetime(2026, 11, 22, 18, 5, tzinfo=UTC)
NAMES = {"workday-hris": "Workday HCM"}


def _step(title: str, outcome: StepOutcome = "pass", **fields: Any) -> StepResult:
    return StepResult(step=title, title=title, outcome=outcome, **fields)


def _failed(actor: Actor, evidence: str = "Workday says no", remedy: str = "Look into it.") -> StepResult:
    return _step("endpoint answers", "fail", evidence=evidence, remedy=remedy, actor=actor)


def _report(*steps: StepResult, outcome: VerifyOutcome = "fail", **fields: Any) -> Report:
    given_fields = {"tenant": "acme", "integration": "roster", "connector": "workday-hris", **fields}
    return Report(command="verify", results=(Result(outcome=outcome, steps=steps, **given_fields),))


def _text(*steps: StepResult, **fields: Any) -> str:
    [found] = customer_texts(_found(_report(*steps, **fields)), NAMES, SEEN)
    return found.text


def _found(report: Report, **more: Any) -> ForCustomer:
    return ForCustomer(report=report, **{"checked_at": {}, "identifiers": {}, **more})


def test_what_the_customer_has_to_do_stands_at_the_end() -> None:
    text = _text(
        _step("credentials present", evidence="user ISU_mkt"),
        _step("token granted", "skip", evidence="no token is needed"),
        _failed("customer", "Workday does not accept the password", "Unlock the user ISU_mkt. Then tell us."),
        _step("columns exist", "skip", evidence="not reached"),
    )
    assert text == (
        "## Your connection to Workday HCM\n"
        "\n"
        "Checked on 22 November 2026 at 18:05 UTC. It does not work at the moment.\n"
        "\n"
        "- passed: credentials present\n"
        "- not passed: endpoint answers (Workday does not accept the password)\n"
        "- not checked yet: columns exist\n"
        "\n"
        "What we need from you:\n"
        "\n"
        "- Unlock the user ISU_mkt. Then tell us.\n"
        "\n"
        "Tell us when this is done; we then check again.\n"
    )


def test_what_the_partner_has_to_do_needs_nothing_from_the_customer() -> None:
    text = _text(_failed("partner", "Workday answered 503", "Ask Workday's support."))
    assert "endpoint answers (Workday answered 503)" in text
    assert text.endswith("The cause is at Workday HCM. Nothing is needed from you; we follow it up with them.\n")
    assert "support" not in text


def test_of_what_is_ours_only_the_step_is_named() -> None:
    missing = "secret WORKDAY_PASSWORD is missing; configs/acme.yaml:14"
    text = _text(_failed("us", missing, "Set it: a line `X=…` in the project's .env."))
    assert "- not passed: endpoint answers\n" in text
    assert text.endswith("This is ours to mend. Nothing is needed from you.\n")
    assert "secret" not in text
    assert "configs" not in text


def test_a_warning_works_and_asks_for_nothing() -> None:
    text = _text(_step("leavers visible", "warn", evidence="no leaver is visible", actor="us"), outcome="warn")
    assert "It works, with a remark." in text
    assert "- passed, with a remark: leavers visible (no leaver is visible)\n" in text


def test_several_requests_are_a_list_and_each_stands_once() -> None:
    steps = [_step(str(n), "fail", evidence="no", remedy=f"Do {n % 2}.", actor="customer") for n in range(4)]
    assert _text(*steps).count("- Do 0.") == 1
    assert _text(*steps).count("- Do 1.") == 1


@pytest.mark.parametrize("actor", ["us", "partner", "customer"])
def test_a_failure_before_the_first_step_is_told_by_who_acts(actor: Actor) -> None:
    failure = Failure(
        error_class="config", code="x", message="No, thanks", remedy="Change it.", actor=actor, fingerprint="0"
    )
    text = _text(failure=failure)
    assert ("Change it." in text) == (actor == "customer")
    assert ("No, thanks" in text) == (actor != "us")


def test_a_broken_file_is_ours() -> None:
    assert _text(integration=None, connector=None).startswith("## Your connection\n")


def test_what_passed_has_no_text() -> None:
    assert customer_texts(_found(_report(outcome="pass")), NAMES, SEEN) == []


def test_several_texts_say_whose_each_is_where_it_is_not_shown() -> None:
    one, other = _report(_failed("us")), _report(_failed("us"), tenant="globex")
    both = Report(command="verify", results=(*other.results, *one.results))
    texts = customer_texts(_found(both), NAMES, SEEN)
    assert [text.target for text in texts] == ["acme/roster", "globex/roster"]
    assert document(texts).startswith("<!-- acme/roster -->\n\n## Your connection to Workday HCM\n")
    assert document(texts[:1]) == texts[0].text
    assert customer_object(texts[0])["text"] == texts[0].text


INTERNAL = st.sampled_from(
    [
        "Run `mkt secrets set` again.",
        "See configs/acme.yaml line 4.",
        "It answers on http://127.0.0.1:4711/x.",
        "The proxy 10.1.2.3 refused.",
        "Set env:ACME_PASSWORD.",
        "MKT_SECRET__ACME is empty.",
        "Put it into mkt.toml.",
    ]
)
PLAIN = st.sampled_from(
    ["Unlock the user ISU_mkt.", "Renew the key!", "Is the report shared?", "Version 2.10 is old."]
)


@given(
    st.lists(st.one_of(INTERNAL.map(lambda s: (s, False)), PLAIN.map(lambda s: (s, True))), min_size=1, max_size=8)
)
def test_sentences_about_how_we_work_are_left_out_and_the_others_stay(sentences: list[tuple[str, bool]]) -> None:
    text = _text(_failed("customer", "no", " ".join(sentence for sentence, _ in sentences)))
    said = text.partition("What we need from you:")[2]
    for sentence, plain in sentences:
        assert (sentence in said) == plain


def test_the_names_by_which_the_customer_knows_us_are_told_where_they_act() -> None:
    known = {"acme/roster": {"WORKDAY_ISU_USERNAME": "ISU_mkt", "WORKDAY_CLIENT_ID": "http://127.0.0.1:80"}}
    [asked] = customer_texts(_found(_report(_failed("customer")), identifiers=known), NAMES, SEEN)
    assert "What we use there, to look for:\n\n- WORKDAY_ISU_USERNAME: `ISU_mkt`\n\nTell us" in asked.text
    assert "127.0.0.1" not in asked.text
    [ours] = customer_texts(_found(_report(_failed("us")), identifiers=known), NAMES, SEEN)
    assert "ISU_mkt" not in ours.text


def test_a_text_of_before_has_the_moment_of_then() -> None:
    then = SEEN - timedelta(minutes=4)
    found = _found(_report(_failed("customer")), checked_at={"acme/roster": then})
    [text] = customer_texts(found, NAMES, SEEN)
    assert "Checked on 22 November 2026 at 18:01 UTC." in text.text
    [said] = asked_lines(found, SEEN)
    assert said.startswith("acme/roster was not asked again: as of 4 min ago")
    assert said.endswith("`mkt verify acme/roster` asks anew")
