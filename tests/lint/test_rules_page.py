"""The page of all rules says what the rules say."""

import re

from docs.rules import PAGE, page

from mkt.lint import explain, rules


def test_the_page_is_what_the_rules_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_link_of_the_table_leads_to_a_rule() -> None:
    links = re.findall(r"\]\(#([\w-]+)\)", page())
    headings = [line.removeprefix("### ") for line in page().splitlines() if line.startswith("### ")]
    assert links == [heading.lower().replace(" ", "-") for heading in headings]
    assert len(links) == len(rules())


def test_every_rule_says_why() -> None:
    assert [rule.code for rule in rules() if not rule.why] == []


def test_an_explanation_says_what_the_page_says() -> None:
    flat = " ".join(page().split())
    for rule in rules():
        told = explain(rule.code)
        assert all(" ".join(part.split()) in flat for part in (rule.summary, rule.why, told.splitlines()[-1]))
        assert rule.why in told
