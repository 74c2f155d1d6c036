"""A complete answer, as a connector sees it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx
import orjson

from mkt.errors import PartnerError, TransientError
from mkt.runtime.masking import MaskRegister
from mkt.runtime.wording import excerpt, is_html

_BOM = b"\xef\xbb\xbf"


class HttpResponse:
    """The contract's `Response`. `content` is decompressed; `place` is how errors name the request."""

    def __init__(
        self, *, status: int, url: httpx.URL, headers: httpx.Headers, content: bytes, place: str, masker: MaskRegister
    ) -> None:
        self.status = status
        self.content = content
        self.headers: Mapping[str, str] = headers
        self.place = place
        self._url = url
        self._masker = masker

    @property
    def url(self) -> str:
        return str(self._url)

    @property
    def text(self) -> str:
        return self._plain.text

    @property
    def links(self) -> Mapping[str, str]:
        """RFC 8288: one address may have several relations, and may be relative."""
        found: dict[str, str] = {}
        for link in self._plain.links.values():
            for relation in link.get("rel", "").split():
                found.setdefault(relation, str(self._url.join(link["url"])))
        return found

    def json(self) -> Any:
        """Return the decoded body. Raise `PartnerError` or, for a page of HTML, `TransientError`."""
        try:
            return orjson.loads(self.content.removeprefix(_BOM) if self._is_utf8 else self.text)
        except orjson.JSONDecodeError as error:
            reason = f"{error.msg} at byte {error.pos} of {len(self.content)}"
        if is_html(self.headers.get("content-type", ""), self.content):
            raise TransientError(
                f"{self.place} answered a web page instead of JSON: {self.excerpt or 'no title'}",
                remedy="A login or maintenance page: open the address in a browser; if it stays, correct the URL.",
                code="partner.html",
            )
        raise PartnerError(
            f"{self.place} answered no complete JSON: {reason}" if self.content else f"{self.place} answered nothing",
            remedy="Try again; if it stays so, give the partner's support this line.",
            code="partner.json",
        )

    @property
    def excerpt(self) -> str:
        """The partner's own message, safe to show."""
        return excerpt(self.content, self._masker)

    @cached_property
    def _plain(self) -> httpx.Response:
        # httpx knows charsets and the grammar of Link; the body it gets is decompressed already.
        kept = {name: self.headers[name] for name in ("content-type", "link") if name in self.headers}
        return httpx.Response(self.status, headers=kept, content=self.content)

    @property
    def _is_utf8(self) -> bool:
        return (self._plain.charset_encoding or "utf-8").lower() in {"utf-8", "utf8", "us-ascii"}
