"""A complete answer, as a connector sees it."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx
import orjson

from mkt.errors import PartnerError, TransientError
from mkt.runtime.masking import MaskRegister
from mkt.runtime.wording import excerpt, is_html, shown_url

_BOM = b"\xef\xbb\xbf"
# httpx's own reading cuts an address at its first semicolon, as in `;jsessionid=`.
_LINK = re.compile(r'<([^>]*)>((?:[^,"<]|"(?:[^"\\]|\\.)*")*)')
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?')


class HttpResponse:
    """The contract's `Response`. `content` is decompressed; `place` is how errors name the request."""

    def __init__(
        self,
        *,
        status: int,
        url: httpx.URL,
        headers: httpx.Headers,
        content: bytes,
        method: str,
        masker: MaskRegister,
    ) -> None:
        self.status = status
        self.content = content
        self.headers: Mapping[str, str] = headers
        self._method = method
        self._url = url
        self._masker = masker

    @property
    def place(self) -> str:
        return f"{self._method} {shown_url(self._url, self._masker)}"

    @property
    def url(self) -> str:
        return str(self._url)

    @property
    def text(self) -> str:
        return self._plain.text

    @property
    def links(self) -> Mapping[str, str]:
        """RFC 8288: one address may have several relations, and may be relative. Raise `PartnerError` for none."""
        found: dict[str, str] = {}
        for address, parameters in _LINK.findall(self.headers.get("link", "")):
            for relation in _relations(parameters):
                found.setdefault(relation, self._absolute(address))
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

    def _absolute(self, address: str) -> str:
        try:
            link = httpx.URL(address.strip())
            # Joining rewrites an address a little, so it is for the relative ones.
            return str(link if link.is_absolute_url else self._url.join(link))
        except (httpx.InvalidURL, UnicodeError, ValueError):
            # Passed over, it would look like the last page, and what stands on the others like deleted.
            raise PartnerError(
                f"{self.place} answered with a Link that is no address",
                remedy="Give the partner's support this line.",
                code="partner.link",
            ) from None

    @cached_property
    def _plain(self) -> httpx.Response:
        # httpx knows charsets; the body it gets is decompressed already.
        kept = {name: self.headers[name] for name in ("content-type",) if name in self.headers}
        return httpx.Response(self.status, headers=kept, content=self.content)

    @property
    def _is_utf8(self) -> bool:
        if "charset" not in self.headers.get("content-type", ""):
            return True
        return (self._plain.charset_encoding or "utf-8").lower() in {"utf-8", "utf8", "us-ascii"}


def _relations(parameters: str) -> list[str]:
    """Return the relations of one link: the first `rel` counts (RFC 8288 section 3.3)."""
    for name, quoted, plain in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            return str(quoted or plain).lower().split()
    return []
