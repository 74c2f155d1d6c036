from importlib import resources
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.connectors.workday_hris.soap_xml import NotXmlError, Reader, envelope, parse, read_fault
from mkt.contract import BasicAuth

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
typed = st.text(st.characters(min_codepoint=0x20, exclude_categories=["C"]), max_size=20)


def fault(code: str, said: str, detail: str = "") -> bytes:
    return (
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body>'
        '<SOAP-ENV:Fault xmlns:wd="urn:com.workday/bsvc">'
        f"<faultcode>SOAP-ENV:{code}</faultcode><faultstring>{said}</faultstring>{detail}"
        "</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


@given(typed, typed)
def test_name_and_password_arrive_as_they_are_whatever_stands_in_them(name: str, password: str) -> None:
    root = parse(envelope(Element("request"), BasicAuth(name, password)), Reader())
    token = root.find(f"{SOAP}Header/{WSSE}Security/{WSSE}UsernameToken")
    assert token is not None
    said = token.find(f"{WSSE}Password")
    assert said is not None
    assert (token.findtext(f"{WSSE}Username"), said.text or "") == (name, password)
    assert said.get("Type", "").endswith("#PasswordText")
    assert root.find(f"{SOAP}Body/request") is not None


@pytest.mark.parametrize(
    "declared",
    [
        f'<!DOCTYPE bomb [<!ENTITY l0 "lol">{LAUGHS}]>',
        '<!DOCTYPE file [<!ENTITY l11 SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE out SYSTEM "http://127.0.0.1:1/evil.dtd" [<!ENTITY l11 "x">]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.timeout(5)
def test_a_document_type_is_refused_before_any_entity_grows(declared: str, encoding: str) -> None:
    bomb = f"{declared}<a>&l11;</a>".encode(encoding)
    with pytest.raises(NotXmlError, match="document type"):
        parse(bomb, Reader())


def test_xml_that_is_cut_off_says_where() -> None:
    whole = resources.files(__package__).joinpath("fixtures", "get_workers.xml").read_bytes()
    with pytest.raises(NotXmlError, match=r"line \d+, column \d+; it has 1000 bytes"):
        parse(whole[:1000], Reader())


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_what_is_no_xml_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(NotXmlError):
        parse(b"<a>" + content, Reader())
    read_fault(content)


@pytest.mark.parametrize("encoding", ["utf-7", "no-such-one", "shift_jis"])
def test_an_encoding_that_is_not_known_is_no_bug(encoding: str) -> None:
    with pytest.raises(NotXmlError):
        parse(f'<?xml version="1.0" encoding="{encoding}"?><a>'.encode(), Reader())


def test_elements_are_dropped_as_soon_as_they_were_read() -> None:
    seen: list[str] = []
    root = parse(b"<a><b><c>1</c></b><b><c>2</c></b></a>", Reader("b", lambda b: seen.append(b.findtext("c", ""))))
    assert seen == ["1", "2"]
    assert [len(b) for b in root] == [0, 0]


def test_a_fault_has_a_code_without_prefix_and_workdays_words() -> None:
    assert read_fault(fault("Client.authenticationError", "invalid username\n or password")) == (
        "Client.authenticationError",
        "invalid username  or password",
    )


def test_a_validation_fault_names_what_is_wrong_and_where() -> None:
    detail = (
        "<detail><wd:Validation_Fault><wd:Validation_Error><wd:Message>Invalid ID value.</wd:Message>"
        "<wd:Detail_Message>Invalid ID value. 'x' is none</wd:Detail_Message>"
        "<wd:Xpath>/bsvc:Get_Workers_Request[1]</wd:Xpath></wd:Validation_Error></wd:Validation_Fault></detail>"
    )
    found = read_fault(fault("Client.validationError", "Validation error occurred.", detail))
    assert found is not None
    assert found.said == "Invalid ID value. 'x' is none (at /bsvc:Get_Workers_Request[1])"
    assert found.is_validation


@pytest.mark.parametrize(("code", "ours"), [("Client", True), ("Client.x", True), ("Server.x", False), ("", False)])
def test_only_a_client_fault_is_ours(code: str, *, ours: bool) -> None:
    found = read_fault(fault(code, "something"))
    assert found is not None
    assert found.is_ours is ours


@pytest.mark.parametrize("content", [b"", b"{}", b"<html>", b"<!DOCTYPE html><html></html>", b"<a/>"])
def test_what_is_no_fault_is_none(content: bytes) -> None:
    assert read_fault(content) is None
