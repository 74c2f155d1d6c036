"""MKT8xx: what may not stand in a file that many people read: secrets in any place, and characters that hide text.

The raw text is judged, so comments and names too. A value that is found is never repeated.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.configs.document import Document, Scalar
from mkt.configs.structure import TenantFile
from mkt.lint.base import Rule, is_reference
from mkt.lint.scanning import Scalars, Spot, placed
from mkt.lint.tokens import known_tokens, may_hold_random_text, may_hold_token, random_texts

RULES: Final = (
    Rule(
        code=codes.KNOWN_SHAPE,
        name="known-token",
        summary="A secret by its shape (AWS, GitHub, Slack, Stripe, Google, a JSON Web Token, a private key, a"
        " password in a URL and so on), in any text or comment. It has to be replaced at the partner.",
        bad="labels: {note: ghp_…}",
        good="labels: {note: token in the keyring}",
        lint_only=True,
        why="Whoever reads the repository, its history or the log of a build can use it until it is replaced.",
    ),
    Rule(
        code=codes.RANDOM_TEXT,
        name="random-text",
        summary="Long random text, as secrets are. Ids under a key that ends in id, url, hash and the like are not"
        " meant. What is public gets a comment: # mkt: ignore[MKT802].",
        bad="settings: {params: {Key: …}}",
        good="secrets: {WORKDAY_CLIENT_SECRET: env:NORTHWIND_CLIENT_SECRET}",
        severity="warning",
        why="Whoever reads the repository, its history or the log of a build can use it until it is replaced.",
    ),
    Rule(
        code=codes.HIDDEN_CHARACTER,
        name="hidden-character",
        summary="A character that nobody sees: it turns the direction of the text, or has no width. The joiners that"
        " some scripts and emoji need are allowed between their letters.",
        bad='tenant: "north\\u200bwind"',
        good="tenant: northwind",
        lint_only=True,
        why="What a reviewer reads is not what mkt reads (CVE-2021-42574), and two names that look alike differ.",
    ),
)

_REPLACE: Final = (
    "Replace it at the partner, since it was written down. Store the new one with `mkt secrets set`, or put a"
    " reference such as env:NAME under secrets."
)
_OR_PUBLIC: Final = f"{_REPLACE} What is public gets a remark: # mkt: ignore[{codes.RANDOM_TEXT}]."
_KEY_BEFORE: Final = re.compile(r"([\w.-]{1,64})[\"']?\s*[:=]\s*\[?\s*[\"']?$")
_BEFORE: Final = 100
"""Characters in front of a random text in which its key is looked for."""
_PUBLIC_KEY: Final = re.compile(
    r"(?:^|[_.-])(?:k?ids?|ur[il]s?|uuid|guid|hash|digest|fingerprint|thumbprint|path)$", re.IGNORECASE
)
_SECRET_KEY: Final = re.compile(r"passw|pwd|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
_WORD_BEFORE: Final = re.compile(r"[^\s\"'\[{,]*$")

_JOINERS: Final = "\u200c\u200d"
_HIDDEN_SET: Final = "\x85\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_HIDDEN: Final = re.compile(f"[{_HIDDEN_SET}]")
_ESCAPED: Final = re.compile(f"[\x7f-\x9f{_HIDDEN_SET}]")
"""The loader refuses the first of these where they are not escaped."""


def judge_file(file: TenantFile) -> Iterator[Problem]:
    """Find secrets by their looks, and hidden characters; most files have neither, which costs a glance each."""
    document = file.document
    content = document.content
    if may_hold_token(content):
        yield from _tokens(document)
    if may_hold_random_text(content):
        yield from _random(document)
    if not content.isascii():
        yield from _hidden(document)
    if b"\\" in content:
        yield from _escaped(document)


def _tokens(document: Document) -> Iterator[Problem]:
    scalars = Scalars(document)
    spots = (spot for spot in known_tokens(document.text) if not _judged_elsewhere(scalars.at(spot.start), spot))
    for spot, place in placed(document, spots):
        yield Problem(codes.KNOWN_SHAPE, f"this is {spot.what} by its shape", place, _REPLACE)


def _judged_elsewhere(scalar: Scalar | None, spot: Spot) -> bool:
    """Tell whether another family says it: no reference under secrets, a URL with a password under settings."""
    if scalar is None or scalar.is_key or len(scalar.path) <= _SECTION:
        return False
    section = scalar.path[_SECTION]
    url = scalar.text[: len("https://")].lower().startswith(("http://", "https://"))
    return (section == "secrets" and not is_reference(scalar.text)) or (
        section == "settings" and url and "URL" in spot.what
    )


_SECTION: Final = 2
"""Where settings and secrets stand in a path: integrations, the entry's number, then this."""


def _random(document: Document) -> Iterator[Problem]:
    text, scalars = document.text, Scalars(document)
    spots = (
        spot for spot in random_texts(text) if _is_secret(text, spot) and not _under_secrets(scalars.at(spot.start))
    )
    for _, place in placed(document, spots):
        yield Problem(codes.RANDOM_TEXT, "this is long random text, as a secret is", place, _OR_PUBLIC)


def _is_secret(text: str, spot: Spot) -> bool:
    before = text[max(spot.start - _BEFORE, 0) : spot.start].rpartition("\n")[2]
    word = _WORD_BEFORE.search(before)
    if word and ":" in word[0]:  # a reference, a URL, a digest such as sha256:…
        return False
    named = _KEY_BEFORE.search(before)
    key = named[1] if named else ""
    if _PUBLIC_KEY.search(key):
        return False
    return spot.what != "hex" or bool(_SECRET_KEY.search(key))


def _under_secrets(scalar: Scalar | None) -> bool:
    return scalar is not None and len(scalar.path) > _SECTION and scalar.path[_SECTION] == "secrets"


def _hidden(document: Document) -> Iterator[Problem]:
    text = document.text
    found = (Spot(match.start(), match.end(), match[0]) for match in _HIDDEN.finditer(text))
    for spot, place in placed(document, (spot for spot in found if not _joins(text, spot.start))):
        message = f"an invisible character stands here: {_name(spot.what)}"
        yield Problem(
            codes.HIDDEN_CHARACTER, message, place, "Remove it: what people read here is not what mkt reads."
        )


def _joins(text: str, at: int) -> bool:
    """Tell whether a joiner stands between two characters that are not ASCII, as in Persian or in an emoji."""
    around = text[at - 1 : at] + text[at + 1 : at + 2]
    return text[at] in _JOINERS and len(around) == len(_JOINERS) and not any(map(str.isascii, around))


def _escaped(document: Document) -> Iterator[Problem]:
    """Find what only an escape in double quotes brings in."""
    for scalar in document.scalars():
        found = _ESCAPED.search(scalar.text) if scalar.style == '"' else None
        if found and found[0] not in _written(document, scalar):
            message = f"an escape here stands for an invisible character: {_name(found[0])}"
            place = document.span(scalar.node)
            yield Problem(codes.HIDDEN_CHARACTER, message, place, "Leave the escape out.")


def _written(document: Document, scalar: Scalar) -> str:
    return document.text[scalar.node.start_mark.index : scalar.node.end_mark.index]


def _name(letter: str) -> str:
    return f"U+{ord(letter):04X} {unicodedata.name(letter, 'CONTROL CHARACTER')}"
