"""Writes `docs/rules.md`, the page of all lint rules, from the rules themselves.

python -m docs.rules [--write]
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from mkt.lint import Rule, rules
from mkt.lint.families import silence

PAGE: Final = Path(__file__).with_name("rules.md")
_FAMILIES: Final = {
    "MKT1": "YAML",
    "MKT2": "Structure",
    "MKT3": "Connectors and their settings",
    "MKT4": "Secrets",
    "MKT5": "Schedules",
    "MKT6": "The guard",
    "MKT7": "Files against each other",
    "MKT8": "Security",
    "MKT9": "Comments that silence a rule",
}
_HEAD: Final = """\
# The rules of `mkt lint`

`mkt lint --explain CODE` tells the same. An error exits with 1, a warning does not. `--select` and `--ignore`, or
`[lint]` in `mkt.toml`, take codes and their beginnings: `MKT4` is all about secrets.
"""


def page() -> str:
    """Return the page: a table of all rules, then each with why and examples."""
    parts = [_HEAD, *_table()]
    for family, own in groupby(rules(), lambda rule: rule.code[:4]):
        parts += [f"## {_FAMILIES[family]}\n", *map(_section, own)]
    return "\n".join(parts)


def _table() -> Iterator[str]:
    rows = "\n".join(
        f"| [{rule.code}](#{rule.code.lower()}-{rule.name}) | {rule.name} | {rule.severity} |" for rule in rules()
    )
    yield f"| code | name | severity |\n|---|---|---|\n{rows}\n"


def _section(rule: Rule) -> str:
    text = "\n\n".join(filter(None, (rule.summary, rule.why)))
    return (
        f"### {rule.code} {rule.name}\n\n{text}\n\nBad:\n\n```yaml\n{rule.bad}\n```\n\n"
        f"Good:\n\n```yaml\n{rule.good}\n```\n\n{silence(rule)}\n"
    )


def main() -> int:
    """Compare, or write; the exit code is 1 where the page was not right."""
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        print("docs/rules.md is not what the rules say. Run `make docs`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
