"""What the tenant offers to teachers: `content` of the settings or, without any, the content items of the store.

As content items of Deep Linking 2.0 (section 3), cut down to what a platform accepts (section 4.4.1).
"""

import hashlib
import json
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.deep_link import Wanted
from mkt.connectors.lti_1p3_deeplink.settings import ContentItem, File, Link, LtiResourceLink
from mkt.contract import Record

WORDS: Final[Mapping[str, str]] = {
    "link": "Web link",
    "ltiResourceLink": "Activity",
    "file": "File",
    "html": "Text",
    "image": "Picture",
}
"""What a teacher calls the types."""
_TARGETS: Final = ("embed", "iframe", "window")


@dataclass(frozen=True, slots=True)
class Offered:
    """Something to pick; the id stays the same while title and description are edited."""

    item: ContentItem

    @property
    def id(self) -> str:
        item = self.item
        what = [item.type, *(_value(getattr(item, name, None)) for name in ("url", "html", "custom"))]
        if len(what) == what.count(None) + 1:  # nothing but its words tells it from others
            what += [item.title, item.text]
        return hashlib.blake2b(json.dumps(what).encode(), digest_size=9).hexdigest()

    @property
    def title(self) -> str:
        return self.item.title or getattr(self.item, "url", None) or WORDS[self.item.type]

    def matches(self, words: str) -> bool:
        """Tell that each of the words stands in its title, description or kind."""
        text = f"{self.title} {self.item.text} {WORDS[self.item.type]}".casefold()
        return all(word in text for word in words.casefold().split())


def offered(context: Context, wanted: Wanted) -> list[Offered]:
    """Return what this platform accepts here, each once, in the order of the settings or by title."""
    found = [Offered(item) for item in _items(context, wanted) if _is_accepted(item, wanted)]
    return list({each.id: each for each in found}.values())


def is_offered(context: Context, url: str) -> bool:
    """Tell an address that something offered leads to."""
    if context.settings.content:
        return is_configured(context, url)
    return _is_https(url) and any(each.data.get("href") == url for each in context.content_items())


def is_configured(context: Context, url: str) -> bool:
    """Tell an address that something in the settings leads to."""
    return any(getattr(item, "url", None) == url for item in context.settings.content)


def content_item(item: ContentItem, wanted: Wanted, launch_url: str) -> dict[str, Any]:
    """Return the item as the platform gets it."""
    said = _camel(item)
    for target in _TARGETS:
        if wanted.targets and target not in wanted.targets:
            said.pop(target, None)
    if wanted.line_items is False:
        said.pop("lineItem", None)
    elif "lineItem" in said:
        said["lineItem"].setdefault("label", item.title or "Score")
    if item.type == "ltiResourceLink":
        said.setdefault("url", launch_url)  # Blackboard takes none without
    return said


def _items(context: Context, wanted: Wanted) -> Iterator[ContentItem]:
    if context.settings.content:
        yield from context.settings.content
    else:
        found = [_of_record(record, wanted) for record in context.content_items()]
        yield from sorted((item for item in found if item), key=lambda item: item.title.casefold())


def _of_record(record: Record, wanted: Wanted) -> ContentItem | None:
    """Return a content item of the store: an activity where the platform takes any, else a link.

    None without an address that a browser can open.
    """
    title, url = str(record.data.get("title") or record.external_id), record.data.get("href")
    if not (isinstance(url, str) and _is_https(url)):
        return None
    try:
        if "ltiResourceLink" in wanted.types:
            return LtiResourceLink(type="ltiResourceLink", title=title, url=url)
        return Link(type="link", title=title, url=url)
    except ValidationError:
        return None


def _is_https(url: str) -> bool:
    try:
        return urlsplit(url).scheme == "https"
    except ValueError:
        return False


def _is_accepted(item: ContentItem, wanted: Wanted) -> bool:
    if item.type not in wanted.types:
        return False
    if not isinstance(item, File) or not wanted.media_types:
        return True
    media_type = mimetypes.guess_type(urlsplit(item.url).path)[0] or "application/octet-stream"
    return any(fnmatchcase(media_type, pattern) for pattern in wanted.media_types)


def _camel(model: BaseModel) -> dict[str, Any]:
    """Return what a model says, its keys in camelCase, and nothing of what it does not say.

    The keys of `custom` are the operator's own.
    """
    found = {name: _value(getattr(model, name)) for name in type(model).model_fields}
    return {_camel_name(name): value for name, value in found.items() if value is not None}


def _value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _camel(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) or None if isinstance(value, Mapping) else None if value == "" else value


def _camel_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
