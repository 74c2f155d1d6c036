"""Lint findings as SARIF, for code scanning.

Version 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from mkt import __version__
from mkt.configs.base import Fix, Position, Problem
from mkt.lint.base import Rule
from mkt.lint.texts import Texts
from mkt.output.excerpt import excerpt
from mkt.output.lint_object import help_command
from mkt.output.lint_text import SECRET
from mkt.output.problem_object import encodable
from mkt.output.text import clean

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT: Final = "%SRCROOT%"
"""What relative paths hang on: the repository, where it is known, else the project."""
_FINGERPRINT: Final = "mktFinding/v1"


def sarif_log(
    problems: Sequence[Problem], rules: Sequence[Rule], texts: Texts, locate: Callable[[str], str] = str
) -> dict[str, Any]:
    """Return one run with all rules and the findings in their order; `locate` gives paths below `ROOT`."""
    index = {rule.code: number for number, rule in enumerate(rules)}
    driver = {
        "name": "mkt lint",
        "semanticVersion": __version__,
        "version": __version__,
        "rules": [_rule(rule) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The repository's folder, or else the project's."}}},
        "results": list(_results(problems, index, texts, locate)),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    why = f"\n\n{rule.why}" if rule.why else ""
    markdown = f"{rule.summary}{why}\n\nBad:\n\n```yaml\n{rule.bad}\n```\n\nGood:\n\n```yaml\n{rule.good}\n```\n"
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.name},
        "fullDescription": {"text": rule.summary},
        "help": {"text": f"{rule.summary}{why}\n\nSee `{help_command(rule.code)}`.", "markdown": markdown},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": ["security"] if rule.code in SECRET else ["correctness"]},
    }


def _results(
    problems: Iterable[Problem], index: dict[str, int], texts: Texts, locate: Callable[[str], str]
) -> Iterator[dict[str, Any]]:
    seen = Counter[str]()
    for problem in problems:
        file = _file(locate(problem.position.path))
        said = excerpt(texts.line(problem.position), problem.position, secret=problem.code in SECRET)[0].strip()
        same = f"{problem.code}\n{file['uri']}\n{said}"
        seen[same] += 1
        place = {"physicalLocation": {"artifactLocation": file, "region": _region(problem.position)}}
        result: dict[str, Any] = {
            "ruleId": problem.code,
            "ruleIndex": index.get(problem.code, -1),
            "level": problem.severity,
            "message": {"text": encodable(clean(f"{problem.message}. {problem.remedy}".strip()))},
            "locations": [place],
            "partialFingerprints": {_FINGERPRINT: hashlib.sha256(f"{same}\n{seen[same]}".encode()).hexdigest()},
        }
        if problem.fix:
            result["fixes"] = [_fix(problem.fix, file)]
        yield result | {"suppressions": [{"kind": "inSource"}] if problem.silenced else []}


def _file(path: str) -> dict[str, str]:
    """Return a path as a URI: relative to `ROOT`, or alone where it is not below it."""
    if PurePath(path).is_absolute():
        return {"uri": PurePath(path).as_uri()}
    return {"uri": quote(os.fsencode(path)), "uriBaseId": ROOT}


def _region(position: Position) -> dict[str, int]:
    return {
        "startLine": position.line,
        "startColumn": position.column,
        "endLine": position.end_line,
        "endColumn": position.end_column,
    }


def _fix(fix: Fix, file: dict[str, str]) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.position), "insertedContent": {"text": edit.text}} for edit in fix.edits
    ]
    return {
        "description": {"text": fix.what},
        "artifactChanges": [{"artifactLocation": file, "replacements": replacements}],
    }
