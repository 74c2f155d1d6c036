"""SOAP's XML, out and in: requests built of elements, answers read while they are parsed, document types refused."""

from collections.abc import Callable
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError, SubElement, TreeBuilder, XMLParser, tostring

from mkt.contract import BasicAuth, ConnectorError, PartnerError, Response, TransientError

WD: Final = "{urn:com.workday/bsvc}"
_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_WSSE: Final = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_TEXT: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
_VALIDATION: Final = ("Message", "Detail_Message", "Xpath")
_PIECE: Final = 65_536
"""Bytes given to the parser at a time: a refused document is not read to its end."""


class Fault(NamedTuple):
    """A SOAP 1.1 fault: the code without its prefix, and what Workday says, in its own words."""

    code: str
    said: str

    @property
    def is_validation(self) -> bool:
        return self.code == "Client.validationError"

    @property
    def is_ours(self) -> bool:
        """Tell whether the request is at fault, so that the same one fails again."""
        return self.code.split(".")[0] in {"Client", "VersionMismatch", "MustUnderstand"}


class NotXmlError(Exception):
    """Why an answer cannot be read, as what follows "Workday's answer"."""


def envelope(request: Element, user: BasicAuth) -> bytes:
    """Return the request in an envelope that carries the user (WS-Security UsernameToken, PasswordText)."""
    root = Element(f"{_SOAP}Envelope")
    header = SubElement(root, f"{_SOAP}Header")
    security = SubElement(header, f"{_WSSE}Security", {f"{_SOAP}mustUnderstand": "1"})
    token = SubElement(security, f"{_WSSE}UsernameToken")
    SubElement(token, f"{_WSSE}Username").text = user.username
    SubElement(token, f"{_WSSE}Password", {"Type": _TEXT}).text = user.password
    SubElement(root, f"{_SOAP}Body").append(request)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


class Reader(TreeBuilder):
    """Builds the tree of an answer; of a large page, each worker is handed on at its end and dropped."""

    def __init__(self, tag: str = "", on_end: Callable[[Element], None] = Element.clear) -> None:
        super().__init__()
        self._tag = tag
        self._on_end = on_end

    def end(self, tag: str, /) -> Element:
        element = super().end(tag)
        if tag == self._tag:
            self._on_end(element)
            element.clear()
        return element

    def doctype(self, *_: str | None) -> None:
        """Refuse what entity bombs and references to files are made of."""
        raise NotXmlError("declares a document type, which SOAP forbids")


def parse(content: bytes, reader: Reader) -> Element:
    """Return the root; raise `NotXmlError`."""
    parser = XMLParser(target=reader)  # noqa: S314 - the reader refuses the document types that attacks need
    try:
        for start in range(0, len(content), _PIECE):
            parser.feed(content[start : start + _PIECE])
        root: Element = parser.close()
    except (ParseError, LookupError, ValueError) as error:  # the latter two: an encoding that is not known
        raise NotXmlError(f"is no complete XML: {error}; it has {len(content)} bytes") from None
    return root


def read_body(response: Response, reader: Reader) -> Element:
    """Return the first element in the body of an answer; raise what another kind of answer means."""
    if _is_html(response):
        raise TransientError(
            "Workday answered a web page instead of XML",
            remedy="A login or maintenance page (Workday's weekly maintenance is in the night to Saturday, Pacific"
            " time): wait for its end; if it stays, correct `base_url`.",
            code="partner.html",
        )
    try:
        body = parse(response.content, reader).find(f"{_SOAP}Body")
    except NotXmlError as error:
        raise _unreadable(str(error)) from None
    if body is None or not len(body):
        raise _unreadable("is no SOAP envelope with a body")
    return body[0]


def read_fault(content: bytes) -> Fault | None:
    """Return the fault that an answer is; None where it is none."""
    try:
        fault = parse(content, Reader()).find(f"{_SOAP}Body/{_SOAP}Fault")
    except NotXmlError:
        return None
    if fault is None:
        return None
    code = fault.findtext("faultcode", "").strip()
    errors = [_validation(error) for error in fault.iter(f"{WD}Validation_Error")]
    said = "; ".join(errors) or fault.findtext("faultstring", "")
    return Fault(code.rpartition(":")[2], _one_line(said))


def _validation(error: Element) -> str:
    """Return message and place of a validation error; the detail, where it says more than the message."""
    message, detail, place = (error.findtext(f"{WD}{name}", "").strip() for name in _VALIDATION)
    said = detail if message in detail else f"{message} {detail}".rstrip()
    return f"{said} (at {place})" if place else said


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300].strip()


def _is_html(response: Response) -> bool:
    start = response.content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "html" in response.headers.get("content-type", "") or start.startswith((b"<!doctype html", b"<html"))


def _unreadable(what: str) -> ConnectorError:
    return PartnerError(
        f"Workday's answer {what}",
        remedy="Try again, with a smaller `page_size` if it was cut off; if it stays so, give Workday's support this"
        " line.",
        code="partner.xml",
    )
