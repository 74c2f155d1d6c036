"""The sync: course by course, page by page, so that one broken course stands in no other's way.

A course is read in full, or by a `differences` link that an earlier answer gave. What its answer means:

| answer | its records |
|---|---|
| read to its end | those that were not listed leave the course; on several pages, when absent twice in a row |
| 404, 410 | all leave, when it is gone twice in a row |
| 401, 403, 5xx, no member list | stay; a warning says so |
| no longer configured | all leave at once |

When no course can be read, the run fails with the first error and nothing leaves.
"""

from collections.abc import Generator, Iterator

from mkt.connectors.lti_1p3_deeplink.access import Platform
from mkt.connectors.lti_1p3_deeplink.courses import Course, known_courses, remember
from mkt.connectors.lti_1p3_deeplink.cursor import Cursor, Links, Place
from mkt.connectors.lti_1p3_deeplink.explain import BAD_LINK, GONE, NO_MEMBERS, OF_ONE_COURSE, REFUSALS
from mkt.connectors.lti_1p3_deeplink.members import Member, membership_id, records_of
from mkt.connectors.lti_1p3_deeplink.nrps import Page, Trail
from mkt.contract import (
    STREAMS,
    Change,
    Checkpoint,
    Complete,
    ConnectorError,
    Deleted,
    Listing,
)

_LINK_IS_STALE = REFUSALS | {BAD_LINK, NO_MEMBERS}
"""Codes after which a link that was kept is given up for the course's own address."""


class Roster:
    """One run over all known courses."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._context = context = platform.context
        self._streams = [stream for stream in STREAMS if stream in context.streams]
        self._courses = known_courses(context)
        start = Cursor.oldest(context.cursor(stream) for stream in self._streams)
        self._at = start.at
        self._read = start.read
        self._resumed = bool(start.at.course)
        addresses = {course.url for course in self._courses}
        self._differences = {url: link for url, link in start.differences.items() if url in addresses}
        # Context id to the address that gave it, in this run.
        self._scopes = {c.context_id: c.url for c in self._courses if c.context_id and c.url < start.at.course}
        self._failed: dict[Course, ConnectorError] = {}

    def changes(self) -> Iterator[Change]:
        """Yield what has changed since the cursor, or what a run that was stopped has not yielded yet."""
        if not self._courses:
            self._say("no course is known yet: open the tool in a course, or name it in memberships_urls")
        for course in self._courses:
            if self._is_to_do(course):
                yield from self._attempt(course)
        if self._failed and not self._read:
            raise next(iter(self._failed.values()))
        yield from self._close()
        self._at = Place()
        yield from self._checkpoints()

    def _is_to_do(self, course: Course) -> bool:
        return course.url > self._at.course or (course.url == self._at.course and bool(self._at.next))

    def _attempt(self, course: Course) -> Iterator[Change]:
        try:
            yield from self._course(course)
        except ConnectorError as error:
            if error.code not in OF_ONE_COURSE:
                raise
            self._failed[course] = error
            if error.code != GONE:
                self._say(f"a course was left as it is: {error.message}", course, error)

    def _course(self, course: Course) -> Iterator[Change]:
        """Read a course from the best place that it accepts."""
        for start in self._kept_places(course):
            try:
                if (yield from self._walk(course, start)):
                    return
            except ConnectorError as error:
                if error.code not in _LINK_IS_STALE:
                    raise
        yield from self._walk(course, Place(course=course.url))

    def _kept_places(self, course: Course) -> Iterator[Place]:
        if course.url == self._at.course:
            yield self._at
        elif (links := self._differences.get(course.url)) and links.use:
            yield Place(course=course.url, next=links.use, changes_only=True)

    def _walk(self, course: Course, place: Place) -> Generator[Change, None, bool]:
        """Read pages to the end; return False for a report that only a full list makes sense of."""
        trail = Trail(course)
        while True:
            trail.follow(place.next)
            page = self._platform.page(course, place.next)
            trail.note(page.members)
            if place.changes_only and any(member.status == "deleted" for member in page.members):
                # Whoever has left this course may be in others: only the whole list says who stays in its scope.
                return False
            place = _after(place, page, course)
            if not self._is_first(course, place.context_id):
                return True
            for member in page.members:
                yield from self._records(member, place)
            if not place.next:
                break
            self._at = place
            yield from self._checkpoints()
        yield from self._end(course, place)
        return True

    def _is_first(self, course: Course, context_id: str) -> bool:
        """Tell that no other address of this run gave the same course."""
        if self._scopes.setdefault(context_id, course.url) == course.url:
            return True
        self._say("a course was left out: another address gives the same course", course)
        return False

    def _records(self, member: Member, place: Place) -> Iterator[Change]:
        if member.status == "deleted":
            return
        suspended = member.status == "inactive" and member.user_id and place.changes_only
        if suspended and "memberships" in self._streams:
            yield Deleted("memberships", membership_id(member.user_id, place.context_id))
        yield from (r for r in records_of(member, place.context_id) if r.stream in self._streams)

    def _end(self, course: Course, place: Place) -> Iterator[Change]:
        if not place.changes_only:
            listing: Listing = "snapshot" if place.pages == 1 else "offset"
            yield from (Complete(stream, place.context_id, listing) for stream in self._streams)
        remember(self._context, course, place.context_id)
        self._keep_link(course, place)
        self._at, self._read = place, True
        yield from self._checkpoints()

    def _keep_link(self, course: Course, place: Place) -> None:
        before = self._differences.pop(course.url, None)
        if place.differences and place.changes_only:
            self._differences[course.url] = Links.after_report(place.differences)
        elif place.differences:
            trusted = place.pages == 1 and not self._resumed
            self._differences[course.url] = Links.after_list(place.differences, before, trusted=trusted)

    def _close(self) -> Iterator[Change]:
        """Close the scopes of courses that are gone or no longer configured."""
        stored = {scope for stream in self._streams for scope in self._context.scopes(stream)}
        gone = {c.context_id for c, error in self._failed.items() if error.code == GONE and c.context_id}
        gone &= stored - self._scopes.keys()
        for course in self._failed:
            if course.context_id in gone:
                self._say("a course is gone: its records leave when it is gone next time too", course)
        yield from self._completes(gone, "offset")
        # A course that has never answered may be one of the scopes that nobody seems to hold.
        if all(course.context_id for course in self._failed):
            held = {*self._scopes, *(course.context_id for course in self._failed)}
            yield from self._completes(stored - held, "snapshot")

    def _completes(self, scopes: set[str], listing: Listing) -> Iterator[Change]:
        for scope in sorted(scopes):
            yield from (Complete(stream, scope, listing) for stream in self._streams)

    def _checkpoints(self) -> Iterator[Change]:
        cursor = Cursor(self._differences, self._at, self._read).as_json()
        yield from (Checkpoint(stream, cursor) for stream in self._streams)

    def _say(self, message: str, course: Course | None = None, error: ConnectorError | None = None) -> None:
        place = {"course": course.place} if course else {}
        why = {"code": error.code, "remedy": error.remedy} if error else {}
        self._context.runtime.emit(message, level="warning", **place, **why)


def _after(place: Place, page: Page, course: Course) -> Place:
    """Return the place behind a page; a run's first page says whose list it is and what to ask next time."""
    first = place.pages == 0
    return Place(
        course=course.url,
        next=page.next,
        pages=place.pages + 1,
        context_id=(page.context_id or course.context_id or course.digest) if first else place.context_id,
        changes_only=place.changes_only,
        differences=page.differences if first else place.differences,
    )
