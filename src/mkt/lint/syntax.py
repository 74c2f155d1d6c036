"""MKT1xx: the file itself. `mkt.configs` finds these while it reads; here stands what they mean."""

from typing import Final

from mkt.configs import codes
from mkt.lint.base import Rule

RULES: Final = (
    Rule(
        code=codes.SYNTAX,
        name="syntax",
        summary="The file is not YAML.",
        bad="settings: {base_url: https://wd5.workday.com",
        good="settings: {base_url: https://wd5.workday.com}",
    ),
    Rule(
        code=codes.ENCODING,
        name="encoding",
        summary="The file is UTF-8 text without control characters, in escapes either.",
        bad='reason: "holidays\\0"',
        good='reason: "holidays"',
    ),
    Rule(
        code=codes.UNREADABLE,
        name="unreadable-file",
        summary="The file cannot be read: permissions, a folder called so, a link to nowhere, over 1 MB.",
        bad="configs/northwind.yaml/",
        good="configs/northwind.yaml",
    ),
    Rule(
        code=codes.EMPTY,
        name="empty-file",
        summary="The file says nothing.",
        bad="# tenant: northwind",
        good="tenant: northwind",
    ),
    Rule(
        code=codes.ANCHOR,
        name="anchor",
        summary="Anchors and aliases are refused: a file is read as it stands. Text that begins with * needs quotes.",
        bad="schedule: */15 * * * *",
        good='schedule: "*/15 * * * *"',
    ),
    Rule(
        code=codes.TAG,
        name="tag",
        summary="Tags are refused; quotes make text.",
        bad="report: !!str 2026",
        good='report: "2026"',
    ),
    Rule(
        code=codes.MERGE_KEY,
        name="merge-key",
        summary="Merge keys are refused: keys stand where they belong.",
        bad="guard: {<<: {max_delete_percent: 5}}",
        good="guard: {max_delete_percent: 5}",
    ),
    Rule(
        code=codes.SEVERAL_DOCUMENTS,
        name="several-documents",
        summary="A file holds one document, which is one tenant.",
        bad="tenant: northwind\n---\ntenant: southwind",
        good="tenant: northwind",
    ),
    Rule(
        code=codes.DUPLICATE_KEY,
        name="duplicate-key",
        summary="A key stands twice in one mapping; readers would disagree on which one counts.",
        bad="enabled: true\nenabled: false",
        good="enabled: false",
    ),
    Rule(
        code=codes.TOO_DEEP,
        name="too-deep",
        summary="Nested deeper than 50 levels.",
        bad="settings: {content: [[[[[…]]]]]}",
        good="settings: {content: []}",
    ),
    Rule(
        code=codes.KEY_NOT_TEXT,
        name="key-not-text",
        summary="A key is a number, true, false or empty. Keys are text.",
        bad="labels: {2026: intake}",
        good='labels: {"2026": intake}',
    ),
    Rule(
        code=codes.NUMBER_RANGE,
        name="number-range",
        summary="A number that JSON and the stores cannot hold: beyond 64 bits, infinite, not a number.",
        bad="report: 99999999999999999999",
        good='report: "99999999999999999999"',
    ),
)
