"""The picker: a teacher chooses what goes into the course, and the platform gets it signed.

What the platform wants is kept in `context.state` for an hour under the digest of a token that stands in the page
alone. Searching looks at it, sending takes it: a page can be sent once.
"""

import hashlib
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any, Final

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.deep_link import Wanted, response
from mkt.connectors.lti_1p3_deeplink.forms import Fields, fields_of, one
from mkt.connectors.lti_1p3_deeplink.launch import Launch
from mkt.connectors.lti_1p3_deeplink.offer import WORDS, Offered, content_item, offered
from mkt.connectors.lti_1p3_deeplink.pages import Markup, fill, join, page
from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused
from mkt.connectors.lti_1p3_deeplink.tool import Tool, origins
from mkt.contract import WebhookRequest, WebhookResponse

LIFETIME: Final = timedelta(hours=1)
_SHOWN: Final = 100
"""More than this nobody reads: the search is for that."""


def begin(launch: Launch, context: Context) -> WebhookResponse:
    """Show the picker for a deep linking launch."""
    wanted = Wanted.of(launch.claims)
    if wanted is None:
        what = "the platform did not say what it accepts, or where to send it"
        raise LaunchRefused("lti.deep_linking_settings", what, advice="Tell the platform's administrator.")
    token = token_urlsafe(32)
    context.state.put(_key(token), wanted.as_json(), ttl=LIFETIME)
    return _Picker(token, wanted, launch.tool, context).show({})


def resume(request: WebhookRequest, context: Context) -> WebhookResponse:
    """Answer the picker's own form: a search, what was chosen, or nothing at all."""
    said = fields_of(request)
    token = one(said, "session")
    wanted = Wanted.kept(context.state.get(_key(token)))
    if wanted is None:
        raise _over()
    picker = _Picker(token, wanted, Tool.of(context), context)
    return picker.send(said) if request.method == "POST" else picker.show(said)


class _Picker:
    """One teacher's page."""

    def __init__(self, token: str, wanted: Wanted, tool: Tool, context: Context) -> None:
        self._token = token
        self._wanted = wanted
        self._tool = tool
        self._context = context
        self._offered = offered(context, wanted)
        self._frames = [*tool.frames, *context.settings.frame_origins]
        self._frames += [origin for url in (wanted.return_url, wanted.page_url) for origin in origins(url)]

    def show(self, said: Fields, problem: str = "") -> WebhookResponse:
        """Show what can be chosen; what was chosen already stays, whatever is searched for."""
        words, chosen = one(said, "q"), set(said.get("item", ()))
        found = [each for each in self._offered if each.id in chosen or each.matches(words)]
        found.sort(key=lambda each: each.id not in chosen)
        body = fill(
            "picker.html" if self._offered else "nothing.html",
            action=f"{self._tool.root}/pick",
            session=self._token,
            words=words,
            legend="What do you want to add?"
            if self._wanted.multiple
            else "What do you want to add? One thing only.",
            count=self._count(len(found), words),
            problem=fill("problem.html", text=problem) if problem else Markup(),
            items=join(self._option(number, each, chosen) for number, each in enumerate(found[:_SHOWN])),
            kinds=", ".join(WORDS[kind].lower() for kind in self._wanted.types if kind in WORDS)
            or "nothing that is known here",
        )
        return page("Add content", body, self._frames)

    def send(self, said: Fields) -> WebhookResponse:
        """Send what was chosen to the platform, once."""
        wanted_ids = set(said.get("item", ())) if one(said, "do") != "cancel" else set()
        chosen = [each for each in self._offered if each.id in wanted_ids]
        if one(said, "do") != "cancel":
            if not chosen:
                return self.show(said, "Choose something first, or cancel.")
            if len(chosen) > 1 and not self._wanted.multiple:
                return self.show(said, "The platform takes one thing at a time: choose one.")
        if self._context.state.take(_key(self._token)) is None:
            raise _over()
        items = [self._titled(content_item(each.item, self._wanted, self._tool.launch_url)) for each in chosen]
        message = response(self._wanted, items, self._tool, self._context)
        body = fill("return.html", action=self._wanted.return_url, message=message, count=_things(len(items)))
        return page("Adding content", body, self._frames)

    def _titled(self, item: dict[str, Any]) -> dict[str, Any]:
        """Give an item without words those that the platform proposes."""
        proposed = {"title": self._wanted.title, "text": self._wanted.text}
        return {**{name: value for name, value in proposed.items() if value}, **item}

    def _option(self, number: int, each: Offered, chosen: set[str]) -> Markup:
        return fill(
            "option.html",
            kind="checkbox" if self._wanted.multiple else "radio",
            number=str(number),
            id=each.id,
            checked="checked" if each.id in chosen else "",
            title=each.title,
            type=WORDS[each.item.type],
            text=each.item.text,
        )

    def _count(self, found: int, words: str) -> str:
        if found > _SHOWN:
            return f"The first {_SHOWN} of {found}. Search to see others."
        return f"{found} of {len(self._offered)}" if words else _things(found)


def _things(count: int) -> str:
    return "nothing" if not count else "1 item" if count == 1 else f"{count} items"


def _over() -> LaunchRefused:
    what = "this page was sent already, or is older than an hour"
    return LaunchRefused("lti.pick_over", what, status=410, advice="Go back to the course and begin again.")


def _key(token: str) -> str:
    return f"lti.pick.{hashlib.sha256(token.encode(errors='replace')).hexdigest()}"
