import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from mkt.configs.canonical import as_row, as_written, digest, of_file, of_row
from mkt.configs.document import read
from mkt.configs.rewrite import new_tenant_file, rewritten
from mkt.configs.structure import read_structure
from mkt.errors import Refused

FILE = """\
# yaml-language-server: $schema=../schema.json
tenant: northwind
labels: {region: emea}   # who
integrations:
  # the HR system
  - name: roster
    connector: workday-hris   # theirs
    enabled: true
    settings:
      base_url: https://a.example   # since May
      page_size: 100
    secrets:
      TOKEN: supabase:TOKEN
  # learning
  - connector: lti
    settings: {platform: canvas}
"""
LABELS = {"region": "emea"}


def entries(text: str) -> dict[str, Any]:
    data: Any = read(text.encode(), "a.yaml").data
    found = [of_file(each, data.get("labels") or {}) for each in data.get("integrations") or ()]
    return {str(each["name"]): each for each in found}


def rewrite(text: str, labels: Mapping[str, Any] | None = None, /, **wanted: Any) -> str:
    given = LABELS if labels is None else labels
    full = {name: {**entry, "labels": given} if entry and given else entry for name, entry in wanted.items()}
    return rewritten(text.encode(), "a.yaml", full, given).decode()


def roster(**changed: Any) -> dict[str, Any]:
    return {**entries(FILE)["roster"], **changed}


def test_what_is_as_it_should_be_is_not_touched() -> None:
    assert rewrite(FILE, **entries(FILE)) == FILE


def test_one_changed_setting_changes_one_word() -> None:
    settings = {"base_url": "https://b.example", "page_size": 100}
    assert rewrite(FILE, roster=roster(settings=settings)) == FILE.replace("//a.example", "//b.example")


def test_a_new_key_gets_a_line_and_a_lost_one_goes_with_its_line() -> None:
    text = rewrite(FILE, roster=roster(settings={"base_url": "https://a.example", "report": "x"}, schedule="@daily"))
    assert "    # learning" not in text
    assert "      base_url: https://a.example   # since May\n      report: x\n    secrets:" in text
    assert '    connector: workday-hris   # theirs\n    schedule: "@daily"\n    enabled: true\n' in text


def test_a_disable_of_an_admin_is_taken_in_with_its_reason() -> None:
    text = rewrite(FILE, roster=roster(disabled={"reason": "merger", "until": "2027-01-07"}))
    assert "    disabled: {reason: merger, until: 2027-01-07}\n" in text
    assert text.replace("    disabled: {reason: merger, until: 2027-01-07}\n", "") == FILE


def test_an_integration_is_added_behind_the_others() -> None:
    new = {"name": "crm", "connector": "hubspot-crm", "settings": {"base_url": "https://c.example"}, "schedule": ""}
    assert rewrite(FILE, crm=new) == FILE + (
        "  - name: crm\n    connector: hubspot-crm\n    schedule: null\n    settings:\n"
        "      base_url: https://c.example\n"
    )


def test_an_integration_is_removed_with_its_lines() -> None:
    text = rewrite(FILE, roster=None)
    assert "workday" not in text
    assert text.startswith("# yaml-language-server")
    assert "  # learning\n  - connector: lti\n" in text
    assert list(entries(rewrite(FILE, roster=None, lti=None))) == []


def test_the_first_integration_is_written_below_an_empty_list() -> None:
    for head in (
        "tenant: northwind\n",
        "tenant: northwind\nintegrations:\n",
        "tenant: northwind\nintegrations: []\n",
    ):
        text = rewrite(head, {}, crm={"name": "crm", "connector": "hubspot-crm"})
        assert text == "tenant: northwind\nintegrations:\n  - name: crm\n    connector: hubspot-crm\n"


def test_labels_are_the_tenants() -> None:
    assert rewrite(FILE, {"region": "apac"}) == FILE.replace("emea", "apac")
    assert "labels" not in rewrite(FILE, {})


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    content = ("\ufeff" + FILE.replace("\n", "\r\n")).encode()
    after = rewritten(content, "a.yaml", {"crm": {"name": "crm", "connector": "c", "labels": LABELS}}, LABELS)
    assert after.startswith(content.rstrip())
    assert b"\n" not in after.replace(b"\r\n", b"")


def test_a_file_in_json_stays_json() -> None:
    text = json.dumps(
        {"tenant": "a", "integrations": [{"name": "x", "connector": "c", "settings": {"k": 1}}]}, indent=1
    )
    after = rewrite(text, {}, x={"name": "x", "connector": "c", "settings": {"k": 2, "l": "yes"}, "timezone": "UTC"})
    after = rewrite(after, {}, y={"name": "y", "connector": "d"})
    found = json.loads(after)["integrations"]
    assert found[0]["settings"] == {"k": 2, "l": "yes"}
    assert found[1] == {"name": "y", "connector": "d"}
    assert [each["name"] for each in json.loads(rewrite(after, {}, x=None))["integrations"]] == ["y"]


def test_a_new_tenants_file_says_what_was_asked() -> None:
    text = new_tenant_file("acme", list(entries(FILE).values()), LABELS, "../schema.json")
    assert not read_structure(read(text.encode(), "acme.yaml")).problems
    assert entries(text) == entries(FILE)


@pytest.mark.parametrize("text", ["a\x85b", "\x7f", "\x80", "\u2028", "\ufeff", "\ufffe", "a\nb", "\t"])
def test_what_yaml_does_not_take_bare_is_escaped(text: str) -> None:
    wanted = {"name": "lti", "connector": "lti", "settings": {"note": text, f"k{text}": 1}}
    written = rewritten(b"tenant: a\nintegrations:\n  - connector: lti\n", "a.yaml", {"lti": wanted}, {}).decode()
    new = new_tenant_file("a", [wanted], {}, "../schema.json")
    assert entries(written) == entries(new) == {"lti": wanted}


@pytest.mark.parametrize("key", ["k" * 1100, "<<"])
def test_a_row_that_says_what_no_file_can_is_refused(key: str) -> None:
    wanted = {"name": "lti", "connector": "lti", "settings": {key: {"a": 1}}}
    with pytest.raises(Refused, match="what no file can"):
        rewritten(b"tenant: a\nintegrations:\n  - connector: lti\n", "a.yaml", {"lti": wanted}, {})
    with pytest.raises(Refused, match="what no file can"):
        new_tenant_file("a", [wanted], {}, "../schema.json")


C0 = [chr(code) for code in range(32)]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters=C0), max_size=12)
KEY = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
SCALAR = TEXT | st.integers(-(2**40), 2**40) | st.booleans() | st.floats(-1e6, 1e6)
VALUE = SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(KEY, SCALAR, max_size=3)
ENTRY = st.fixed_dictionaries(
    {"connector": st.sampled_from(["lti", "workday-hris"])},
    optional={
        "enabled": st.booleans(),
        "disabled": st.fixed_dictionaries({}, optional={"reason": TEXT, "until": st.just("2027-01-07")}),
        "schedule": st.sampled_from(["15 2 * * *", "@daily", None]),
        "timezone": st.just("Europe/London"),
        "settings": st.dictionaries(KEY, VALUE, max_size=4),
        "secrets": st.dictionaries(KEY.map(str.upper), st.just("env:X"), max_size=2),
        "guard": st.fixed_dictionaries({"ignore_below": st.integers(0, 99)}),
    },
)
NAMED = st.dictionaries(st.sampled_from(["a", "b", "c"]), ENTRY, max_size=3)


def file_of(named: dict[str, Any], *, flow: bool | None) -> str:
    data = {"tenant": "acme", "integrations": [{"name": name, **entry} for name, entry in named.items()]}
    if flow:
        return json.dumps(data)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=flow)


@given(before=NAMED, after=NAMED, flow=st.sampled_from([True, False, None]))
def test_whatever_is_wanted_is_what_the_file_says_then(
    before: dict[str, Any], after: dict[str, Any], *, flow: bool | None
) -> None:
    text = file_of(before, flow=flow)
    assume(
        not read_structure(read(text.encode(), "a.yaml")).problems
    )  # what PyYAML writes is not always what we read
    target: dict[str, Any] = {name: of_file({"name": name, **entry}, {}) for name, entry in after.items()}
    wanted = {**dict.fromkeys(before), **target}
    found = entries(rewritten(text.encode(), "a.yaml", wanted, {}).decode())
    assert digest(found) == digest(target)


@given(ENTRY)
def test_a_row_says_the_same_as_the_file_it_came_from(entry: dict[str, Any]) -> None:
    one = of_file({"name": "a", **entry}, LABELS)
    row: Any = {"name": "a", **json.loads(json.dumps(as_row(one)))}
    assert digest(of_row(row)) == digest(one) == digest(of_file(as_written(one), LABELS))


def test_numbers_are_told_apart_as_the_database_does() -> None:
    one, same, other, huge = (digest({"settings": {"n": number}}) for number in (1, 1, True, 10**40))
    assert one == same
    assert len({one, other, huge}) == 3
    entry = {"connector": "c", "settings": {"n": 1.0}}
    assert digest(of_file(entry, {})) == digest(of_file({"connector": "c", "settings": {"n": 1}}, {}))


def test_an_entry_on_the_line_below_its_dash_is_removed() -> None:
    text = "tenant: a\nintegrations:\n  - {connector: lti, settings: {k: 1}}\n  -\n    connector: c\n    name: x\n"
    assert entries(rewrite(text, {}, x=None)).keys() == {"lti"}


def test_what_cannot_be_edited_is_refused_and_not_guessed() -> None:
    text = "tenant: a\nintegrations:\n  - ? connector\n    : lti\n"
    with pytest.raises(Refused, match="a style that mkt does not edit"):
        rewrite(text, {}, lti={"name": "lti", "connector": "workday-hris"})
