"""A message without what differs from tenant to tenant: what is left is the cause.

Out go quoted names, numbers, ids, times, files, paths, mail addresses, the tenant's slug, and of a URL all but the
partner's domain: two partners that are down are two causes. Upper-case constants (`TLSV1_ALERT_INTERNAL_ERROR`) and
the dotted names of settings (`integrations.0.settings.report`) are words, of which only the digits go.
"""

import re
from functools import lru_cache
from typing import Final

_GONE: Final = "#"
_LONGEST: Final = 2000
"""Characters that are looked at: no sentence of an error is longer."""
_WORD_BELOW: Final = 4
"""A shorter slug may be an ordinary word, such as "no": it goes only where it stands in something else that goes."""
_TOKENS: Final = r"""
    https?://(?P<host>[^\s/?\#"'<>\\]+)[^\s"'<>]*
    | (?<!\w)'.*?'(?!\w) | (?<!\w)".*?"(?!\w) | `[^`]*` | “.*?” | „.*?[“”] | «.*?»
    | [^\s@]{1,64}@[^\s@]+
    | \b(?:env|keyring|file|supabase):[^\s,;)]+ | \bMKT_SECRET__\w+
    | \S+\.(?:ya?ml|toml|json|csv|zip|xml|pem|db)\b(?::\d+)*
    | [\w.~-]*/[\w./~:-]+
    | (?P<words>\b[A-Z][A-Z\d]*_[A-Z\d_]+\b | \b[a-z_]+(?:\.(?:[a-z_]+\b|\d+\b))+)
    | [\w.+-]*\d[\w.+:%-]*
    | \*{3,}"""
_DATE: Final = re.compile(
    r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? (?=#)"
    r"|(?<=# )(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* (?=#)"
)
_SEVERAL: Final = re.compile(r"#(?:[\s,;:/.-]*#)+")
_COUNTRY: Final = 2
_SECOND_LEVEL: Final = 3


def normalized(message: str, tenant: str = "") -> str:
    """Return the words of a message that are the same for every tenant with the same cause."""
    text = _tokens(tenant).sub(_kept, message[:_LONGEST])
    words = _DATE.sub("", " ".join(text.split()).casefold())
    return _SEVERAL.sub(_GONE, words)


@lru_cache(maxsize=64)
def _tokens(tenant: str) -> re.Pattern[str]:
    slug = re.escape(tenant).replace(r"\-", "[-_]")
    own = rf"| (?i:(?<![\w-]){slug}(?![\w-]))" if len(tenant) >= _WORD_BELOW else ""
    return re.compile(_TOKENS + own, re.VERBOSE)


def _kept(found: re.Match[str]) -> str:
    if found["host"]:
        return _domain(found["host"])
    return re.sub(r"\d+", _GONE, found["words"]) if found["words"] else _GONE


def _domain(host: str) -> str:
    """Return the registered domain, as well as it can be told without the list of public suffixes.

    An address, or a name without a dot, is the machine of one installation.
    """
    labels = host.rpartition("@")[2].partition(":")[0].rstrip(".").split(".")
    if len(labels) == 1 or not labels[-1].isalpha():
        return _GONE
    below_country = len(labels[-1]) == _COUNTRY and len(labels[-2]) <= _SECOND_LEVEL
    return ".".join(labels[-3 if below_country else -2 :])
