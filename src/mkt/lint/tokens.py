"""What a secret looks like: the shapes that vendors give their tokens, and text that only a machine makes up.

Everything here takes time in proportion to the text: each pattern begins with letters of its own, and none of its
parts can give back what it took.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from mkt.lint.scanning import Spot

_SHAPES: Final = {
    "an AWS access key id": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a GitHub token": r"\bgh[opsur]_[A-Za-z0-9]{36,255}+|\bgithub_pat_[A-Za-z0-9_]{22,255}+",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,64}+",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}+",
    "a Stripe key": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}+",
    "a JSON Web Token": r"(?<![\w-])eyJ[\w-]{8,}+\.eyJ[\w-]{4,}+\.[\w-]*+",
    "a private key": r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----",
    "a HubSpot token": r"\bpat-[a-z]{2}[0-9]-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "a Salesforce session": r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{40,255}+",
    "a Google API key": r"\bAIza[A-Za-z0-9_-]{35}",
    "a Google client secret": r"\bGOCSPX-[A-Za-z0-9_-]{20,64}+",
    "a Supabase secret key": r"\bsb_secret_[A-Za-z0-9_-]{16,255}+|\bsbp_[0-9a-f]{40}\b",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a SendGrid key": r"\bSG\.[A-Za-z0-9_-]{16,32}+\.[A-Za-z0-9_-]{16,64}+",
    "an Anthropic key": r"\bsk-ant-[A-Za-z0-9_-]{20,255}+",
    "an OpenAI key": r"\bsk-proj-[A-Za-z0-9_-]{20,255}+",
    "a webhook's signing key": r"\bwhsec_[A-Za-z0-9+/=]{24,255}+",
    "a password in a URL": r"://[^\s/@:\"'<>{}]*+:[^\s/@\"'<>{}]++@",
}
_NAMES: Final = tuple(_SHAPES)
_ANY_SHAPE: Final = re.compile("|".join(f"({shape})" for shape in _SHAPES.values()))
_KNOWN_TEXT: Final = re.compile(rf"-----BEGIN [^-\n]{{0,60}}-----[^-]*+|{_ANY_SHAPE.pattern}")
_HINT: Final = re.compile(
    rb"A(?:KIA|SIA|Iza)|gh[opsur]_|pat[-_]|xox|k_(?:live|test)_|eyJ|PRIVATE KEY|00D|GOCSPX-|sb(?:_secret|p)_|npm_"
    rb"|SG\.|sk-(?:ant|proj)-|whsec_"
)
"""Without one of these, or a URL with an @, no shape is there: looking for them is far cheaper than the shapes."""
_USERINFO: Final = re.compile(rb"://[^\s/@]*+@")
_LEAST_VARIED: Final = 6
"""Different characters; ghp_xxxxxxxx is a placeholder."""

_LEAST_RUN: Final = 20
_WORD_CLASS: Final = bytes(
    ord("x") if chr(code).isalnum() and code < ord("\x80") else ord(" ") for code in range(256)
)
_RUN: Final = b"x" * _LEAST_RUN
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9+/=_-]{20,}+")
_LONGEST_RUN: Final = re.compile(r"[A-Za-z0-9]{20,}+")
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_DIGITS: Final = re.compile(r"[0-9]++")
_LEAST_HEX: Final = 32
_MIXED_CHANGES: Final = 0.45
_PLAIN_CHANGES: Final = 0.25
_LEAST_GROUPS: Final = 3


def may_hold_token(content: bytes) -> bool:
    """Tell at a glance whether `known_tokens` could find something."""
    return bool(_HINT.search(content)) or (b"@" in content and bool(_USERINFO.search(content)))


def known_tokens(text: str) -> Iterator[Spot]:
    """Find what has the shape of a vendor's token."""
    for found in _ANY_SHAPE.finditer(text):
        if len(set(found[0])) >= _LEAST_VARIED and found.lastindex:
            yield Spot(found.start(), found.end(), _NAMES[found.lastindex - 1])


def may_hold_random_text(content: bytes) -> bool:
    """Tell at a glance whether `random_texts` could find something: a long run of letters and digits."""
    return _RUN in content.translate(_WORD_CLASS)


def random_texts(text: str) -> Iterator[Spot]:
    """Find long words that only a machine makes up, known tokens left out; `what` is "hex" or "text"."""
    for found in _LONG_WORD.finditer(_KNOWN_TEXT.sub(_blank, text)):
        run = _LONGEST_RUN.search(found[0])
        if run and _HEX.fullmatch(run[0]):
            if len(run[0]) >= _LEAST_HEX and not run[0].isdigit():
                yield Spot(found.start(), found.end(), "hex")
        elif run and looks_random(run[0]):
            yield Spot(found.start(), found.end(), "text")


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def looks_random(run: str) -> bool:
    """Tell whether letters and digits change places as often as chance lets them.

    Chance changes the class of 62% of neighbours in letters of both cases with digits, of 40% in one case with
    digits; names such as ActiveWorkers2026 of less.
    """
    groups = len(_DIGITS.findall(run))
    changes = sum(_class(one) != _class(other) for one, other in pairwise(run)) / len(run)
    mixed = not (run.isupper() or run.islower())
    return (
        changes >= _MIXED_CHANGES and groups > 1 if mixed else changes >= _PLAIN_CHANGES and groups >= _LEAST_GROUPS
    )


def _class(letter: str) -> int:
    return 0 if letter.isdigit() else 1 if letter.islower() else 2
