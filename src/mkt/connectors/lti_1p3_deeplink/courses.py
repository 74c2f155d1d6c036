"""The courses that are known, and the scopes that their records stand in.

`context.state` holds
- `lti.memberships_urls.<number>`, what launches made known, by the digest of the context id in a few parts:
  {context id: {"url": context_memberships_url, "deployment": id}};
- `lti.scope.<digest of the address>`, the context id that a course gave in its last answer. It outlives the cursor,
  so that a course which does not answer is not taken for one that is gone.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from mkt.connectors.lti_1p3_deeplink.settings import Settings
from mkt.contract import ConnectorContext

_PARTS: Final = 64


class Course(NamedTuple):
    """A course by its address; `context_id` is empty until an answer or a launch has said it."""

    url: str
    context_id: str = ""

    @property
    def place(self) -> str:
        """The address in words: without scheme and query."""
        url = urlsplit(self.url)
        return f"{url.netloc}{url.path}"

    @property
    def digest(self) -> str:
        return hashlib.blake2b(self.url.encode(errors="replace"), digest_size=16).hexdigest()

    @property
    def key(self) -> str:
        """The name in `context.state` that its scope is kept under."""
        return f"lti.scope.{self.digest}"


def known_courses(context: ConnectorContext[Settings]) -> list[Course]:
    """Return the courses in order of address: those of the settings, then those of launches, each once."""
    configured = [_remembered(context, Course(url)) for url in context.settings.memberships_urls]
    contexts = {course.context_id for course in configured}
    launched = [course for course in _launched(context) if course.context_id not in contexts]
    by_url = {course.url: course for course in (*launched, *configured)}
    return [by_url[url] for url in sorted(by_url)]


def remember(context: ConnectorContext[Settings], course: Course, context_id: str) -> None:
    """Keep the scope of a course, where it is new."""
    if context.state.get(course.key) != context_id:
        context.state.put(course.key, context_id)


def remember_launched(context: ConnectorContext[Settings], context_id: str, url: str, deployment: str) -> None:
    """Keep what a launch says of a course, where it is new.

    What is known is taken, so that a launch of another course at the same instant loses nothing; it is in parts, so
    that the two seldom meet. Only of the first two of a part one may be lost; its next launch makes it known.
    """
    part, said = _part(_number(context_id)), {"url": url, "deployment": deployment}
    found = context.state.get(part)
    if not isinstance(found, Mapping) or found.get(context_id) != said:
        known = context.state.take(part)
        context.state.put(part, {**(known if isinstance(known, Mapping) else {}), context_id: said})


def _remembered(context: ConnectorContext[Settings], course: Course) -> Course:
    known = context.state.get(course.key)
    return Course(course.url, known) if isinstance(known, str) else course


def _launched(context: ConnectorContext[Settings]) -> Iterator[Course]:
    for number in range(_PARTS):
        found = context.state.get(_part(number))
        for context_id, said in found.items() if isinstance(found, Mapping) else ():
            url = said.get("url") if isinstance(said, Mapping) else None
            if isinstance(url, str) and url:
                yield Course(url, context_id)


def _part(number: int) -> str:
    return f"lti.memberships_urls.{number}"


def _number(context_id: str) -> int:
    return hashlib.blake2b(context_id.encode(errors="replace"), digest_size=1).digest()[0] % _PARTS
