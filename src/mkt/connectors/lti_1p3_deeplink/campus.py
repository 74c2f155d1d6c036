"""Whom the simulated platforms know, who is in which course, and how each product writes it down."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

from mkt.contract import Stream

Product = Literal["canvas", "moodle", "custom"]
Role = Literal["Learner", "Instructor", "TeachingAssistant"]
Records = dict[Stream, dict[str, dict[str, Any]]]
COURSES: Final = (1, 2, 3)
_LIS: Final = "http://purl.imsglobal.org/vocab/lis/v2/"
_ROLES: Final[Mapping[int, Role]] = {1: "Instructor", 2: "TeachingAssistant"}
"""By the last digit of the number."""
_GIVEN: Final = ("Amara", "Björn", "Chloé", "Dmitri", "Esra", "Farid", "Grace", "Hiroshi")
_FAMILY: Final = ("Abe", "Brandt", "Costa", "Dörfler", "O'Neill", "Fofana", "Gül")


class Person(NamedTuple):
    """Somebody, by number."""

    number: int
    family: str

    @property
    def given(self) -> str:
        return _GIVEN[self.number % len(_GIVEN)]

    @property
    def email(self) -> str:
        return f"person{self.number}@northwind.example"

    @property
    def card(self) -> str:
        """The number in the registrar's system."""
        return f"S{self.number:06}"


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's place in a course; `changed` is the campus's version that gave it this form."""

    role: Role
    status: Literal["Active", "Inactive", "Deleted"] = "Active"
    changed: int = 0


@dataclass(slots=True)
class Campus:
    """People, and their seats by course and number. A seat that was given up stays, as `Deleted`."""

    people: dict[int, Person] = field(default_factory=dict)
    seats: dict[int, dict[int, Seat]] = field(default_factory=lambda: {course: {} for course in COURSES})
    version: int = 0

    @classmethod
    def of(cls, size: int) -> "Campus":
        campus = cls()
        for number in range(1, size + 1):
            campus.enrol(number, number % len(COURSES) + 1)
            if number % 5 == 0:
                campus.enrol(number, (number + 1) % len(COURSES) + 1)
        return campus

    def enrol(self, number: int, course: int) -> None:
        self.people[number] = Person(number, _FAMILY[number % len(_FAMILY)])
        role = _ROLES.get(number % 10, "Learner")
        status: Literal["Active", "Inactive"] = "Inactive" if number % 7 == 0 else "Active"
        self.seats[course][number] = Seat(role, status, self.version)

    def change(self) -> None:
        """Rename one, promote one, suspend one, let one go who has a second course, and enrol two."""
        self.version += 1
        first, second, third, *_ = self.people
        self._touch(first)
        self.people[first] = self.people[first]._replace(family="Newly-Wed")
        self._touch(second, role="Instructor")
        self._touch(third, status="Inactive")
        leaver = next((number for number in self.people if number % 5 == 0), None)
        if leaver:
            self._touch(leaver, only=leaver % len(COURSES) + 1, status="Deleted")
        newest = max(self.people)
        for number in (newest + 1, newest + 2):
            self.enrol(number, COURSES[-1])

    def _touch(self, number: int, *, only: int = 0, **changes: Any) -> None:
        for course, seats in self.seats.items():
            if number in seats and only in (0, course) and seats[number].status != "Deleted":
                seats[number] = replace(seats[number], changed=self.version, **changes)

    def members(self, product: Product, course: int, since: int | None) -> list[dict[str, Any]]:
        """Return a course's members as the product says them: all, or those that changed after a version."""
        return [
            _SHAPES[product](self.people[number], seat)
            for number, seat in sorted(self.seats[course].items())
            if (since is None and seat.status in _shown(product)) or (since is not None and seat.changed > since)
        ]

    def records(self, product: Product) -> Records:
        """Return what a sync of these courses has to end in."""
        found: Records = {"people": {}, "memberships": {}}
        for course, number, seat in self._live(product):
            person_id, context = person_id_of(product, number), context_id(product, course)
            found["people"][person_id] = _person_fields(product, self.people[number])
            if seat.status == "Active":
                found["memberships"][f"{quote(person_id, safe='')}:{quote(context, safe='')}"] = {
                    "person_id": person_id,
                    "org_unit_id": context,
                    "role": _word(product, seat.role),
                    "role_type": "primary",
                }
        return found

    def _live(self, product: Product) -> Iterator[tuple[int, int, Seat]]:
        for course, seats in self.seats.items():
            yield from ((course, number, seat) for number, seat in seats.items() if seat.status in _shown(product))


def context_id(product: Product, course: int) -> str:
    """Return what the product calls a course."""
    ids = {"canvas": f"4dde05e8ca1973bcca9bffc13e154882{course:08x}", "moodle": str(course + 1)}
    return ids.get(product, f"course:{course}")


def person_id_of(product: Product, number: int) -> str:
    """Return what the product calls a person."""
    ids = {"canvas": f"535fa085-f22b-4655-8f48-{number:012}", "moodle": str(number + 2)}
    return ids.get(product, f"p/{number:05}")


def _shown(product: Product) -> frozenset[str]:
    """Canvas and Moodle leave out who is not active."""
    return frozenset({"Active", "Inactive"} if product == "custom" else {"Active"})


def _canvas(person: Person, seat: Seat) -> dict[str, Any]:
    roles = [f"{_LIS}membership#{'Learner' if seat.role == 'Learner' else 'Instructor'}"]
    if seat.role == "TeachingAssistant":
        roles.append(f"{_LIS}membership/Instructor#TeachingAssistant")
    return {
        "status": "Active",
        "name": f"{person.given} {person.family}",
        "picture": "https://canvas.example/images/messages/avatar-50.png",
        "given_name": person.given,
        "family_name": person.family,
        "email": person.email,
        "lis_person_sourcedid": person.card,
        "user_id": person_id_of("canvas", person.number),
        "lti11_legacy_user_id": f"legacy-{person.number}",
        "roles": roles,
    }


def _moodle(person: Person, seat: Seat) -> dict[str, Any]:
    return {
        "status": "Active",
        "roles": ["Learner" if seat.role == "Learner" else "Instructor"],
        "user_id": person_id_of("moodle", person.number),
        "given_name": person.given,
        "family_name": person.family,
        "name": f"{person.given} {person.family}",
        "email": person.email,
        "lis_person_sourcedid": "",
        "ext_user_username": f"user{person.number}",
    }


def _custom(person: Person, seat: Seat) -> dict[str, Any]:
    """Return the specification's form, without e-mail; `Active` is left out, institution roles come first."""
    return {
        "user_id": person_id_of("custom", person.number),
        "roles": [f"{_LIS}institution/person#Member", seat.role],
        "family_name": person.family,
        **({} if seat.status == "Active" else {"status": seat.status}),
    }


_SHAPES: Final[Mapping[Product, Callable[[Person, Seat], dict[str, Any]]]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "custom": _custom,
}


def _person_fields(product: Product, person: Person) -> dict[str, Any]:
    if product == "custom":
        return {"family_name": person.family}
    names = {"given_name": person.given, "family_name": person.family, "email": person.email}
    own = {"employee_number": person.card} if product == "canvas" else {"user_name": f"user{person.number}"}
    return {**names, "formatted_name": f"{person.given} {person.family}", **own}


def _word(product: Product, role: Role) -> str:
    if role == "TeachingAssistant":
        return "teaching_assistant" if product == "custom" else "instructor"
    return role.lower()
