"""An LTI 1.3 platform: the people of its courses, and what they are there."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from mkt.connectors.lti_1p3_deeplink.access import SCOPE, Context, Platform
from mkt.connectors.lti_1p3_deeplink.courses import Course, known_courses
from mkt.connectors.lti_1p3_deeplink.explain import OF_ONE_COURSE
from mkt.connectors.lti_1p3_deeplink.keys import Key, is_usable, keys_of
from mkt.connectors.lti_1p3_deeplink.nrps import Page
from mkt.connectors.lti_1p3_deeplink.platforms import HINTS
from mkt.connectors.lti_1p3_deeplink.roster import Roster
from mkt.connectors.lti_1p3_deeplink.server import answer
from mkt.connectors.lti_1p3_deeplink.settings import Settings
from mkt.connectors.lti_1p3_deeplink.tool import own_key
from mkt.contract import (
    Change,
    ConfigError,
    Connector,
    ConnectorError,
    HandlesWebhooks,
    PartnerError,
    Step,
    Syncs,
    TransientError,
    WebhookRequest,
    WebhookResponse,
)

_TRIED: Final = 5
"""Courses that the ladder tries to read, when the ones before them cannot be."""


class Lti1p3Deeplink(Connector[Settings], Syncs[Settings], HandlesWebhooks[Settings]):
    """The ladder, the sync, and what browsers and platforms ask of us."""

    def verify(self, context: Context) -> None:
        """Climb: key, endpoints, platform_keys, token, own_keys, courses, members."""
        with context.step("key") as step:
            key = own_key(context)
            step.evidence(f"RSA of {key.private.key_size} bits, kid {key.kid}")
        with context.step("endpoints") as step:
            platform = Platform.of(context, key)
            found = platform.endpoints
            step.evidence(f"issuer {found.issuer}; token from {found.token_url}, audience {found.audience}")
        with context.step("platform_keys") as step:
            _look_at_platform_keys(platform, step)
        with context.step("token") as step:
            _look_at_token(platform, step)
        with context.optional_step("own_keys") as step:
            _look_at_own_keys(platform, step)
        with context.step("courses") as step:
            courses = known_courses(context)
            _look_at_courses(courses, step)
        with context.step("members") as step:
            _look_at_members(platform, courses, step)

    def sync(self, context: Context) -> Iterator[Change]:
        """Read the member lists of all known courses."""
        platform = Platform.of(context, own_key(context))
        platform.sign_in()
        yield from Roster(platform).changes()

    def handle_webhook(self, request: WebhookRequest, context: Context) -> WebhookResponse:
        """Answer a login, a launch, the picker, a request for our keys, or a registration."""
        return answer(request, context)


def _look_at_platform_keys(platform: Platform, step: Step) -> None:
    url = platform.endpoints.jwks_url
    keys = keys_of(platform.public_keys(url))
    usable = [key for key in keys if is_usable(key)]
    if not usable:
        raise PartnerError(
            f"none of the {len(keys)} keys at {url} is an RSA key for signatures of 2048 bits or more",
            remedy="Correct `jwks_url`; if it is right, the platform's administrator makes a new RSA key pair.",
            code="lti.no_platform_key",
        )
    step.evidence(f"{len(usable)} of {len(keys)} keys at {url} are usable")
    if not all(key.get("kid") for key in usable):
        step.warn("a key has no kid", remedy="The platform must name its keys: launches are refused without a kid.")


def _look_at_token(platform: Platform, step: Step) -> None:
    token = platform.sign_in()
    now = platform.context.runtime.now()
    lifetime = f" for {round((token.expires_at - now).total_seconds() / 60)} minutes" if token.expires_at else ""
    step.evidence(f"asked for {SCOPE}; granted {token.scope or 'the same'}{lifetime}")


def _look_at_own_keys(platform: Platform, step: Step) -> None:
    """Compare what we publish with what we sign by: a granted token may come from a key that the platform cached."""
    root = platform.context.settings.tool_url
    if root is None:
        step.skip(
            "`tool_url` is not set: set it to the root under which the platform reaches us to have this checked"
        )
        return
    url = f"{root}/jwks.json"
    try:
        answer = platform.public_keys(url)
    except TransientError as error:
        step.warn(
            f"our own keys could not be read from here: {error.message}",
            remedy=f"Start `mkt serve`, or open {url} from outside: the platform must be able to read it.",
        )
        return
    published = {str(key.get("kid")): {n: key.get(n) for n in ("kty", "n", "e")} for key in keys_of(answer)}
    if published.get(platform.key.kid) != dict(platform.key.numbers):
        raise _not_published(platform.key, published.keys(), url)
    step.evidence(f"{url} has our key {platform.key.kid}")


def _not_published(key: Key, kids: Collection[str], url: str) -> ConfigError:
    what = "another key" if key.kid in kids else "no key"
    return ConfigError(
        f"{url} has {what} by the id {key.kid}, by which we sign: the platform cannot check our signatures",
        remedy="Correct `tool_url` or `kid`, or store the private key that belongs to what is published.",
        code="lti.own_key",
    )


def _look_at_courses(courses: Sequence[Course], step: Step) -> None:
    if courses:
        step.evidence(f"{len(courses)} courses, the first at {courses[0].place}")
        return
    step.warn(
        "no course is known yet, so there is nobody to bring over",
        remedy="Open the tool in a course: its launch makes the course known. Or name `context_memberships_url` of"
        " courses under `memberships_urls`.",
    )


def _look_at_members(platform: Platform, courses: Sequence[Course], step: Step) -> None:
    """Read the first page of the first course that answers."""
    if not courses:
        step.skip("no course is known yet")
        return
    refused: list[ConnectorError] = []
    for course in courses[:_TRIED]:
        try:
            page = platform.page(course)
        except ConnectorError as error:
            if error.code not in OF_ONE_COURSE:
                raise
            refused.append(error)
        else:
            _describe(course, page, step, platform.context.settings)
            if refused:
                step.warn(refused[0].message, remedy=refused[0].remedy)
            return
    raise refused[0]


def _describe(course: Course, page: Page, step: Step, settings: Settings) -> None:
    members = page.members
    named = sum(not member.person.keys().isdisjoint({"formatted_name", "family_name"}) for member in members)
    reached = sum("email" in member.person for member in members)
    step.evidence(
        f"{len(members)} members on the first page of {course.place}: {named} with a name, {reached} with e-mail"
    )
    if not members:
        step.warn("there is nobody in it", remedy="Look whether people are enrolled in this course.")
    elif not (named and reached):
        step.warn(
            f"the platform releases no {'e-mail addresses' if named else 'names'}",
            remedy=f"The platform's administrator releases them: {HINTS[settings.platform].privacy}.",
        )


connector = Lti1p3Deeplink()
