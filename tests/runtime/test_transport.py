import datetime as dt
import ipaddress
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mkt.errors import ConfigError, Interrupted, PartnerError, TransientError
from mkt.runtime import transport
from mkt.runtime.limits import Limits
from mkt.runtime.ping import ping


def certificate(folder: Path, *addresses: str) -> Path:
    """Write a self-signed certificate and its key into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)) for address in addresses])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture
def secure(serve: Callable[..., Any], tmp_path: Path, bench: Any) -> Callable[..., tuple[Any, Path]]:
    def start(*addresses: str) -> tuple[Any, Path]:
        path = certificate(tmp_path, *addresses)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        partner = serve(context)
        bench.url = partner.url
        return partner, path

    return start


@pytest.fixture
def _fresh_tls() -> Any:
    transport._tls_context.cache_clear()
    yield
    transport._tls_context.cache_clear()


@pytest.mark.usefixtures("_fresh_tls")
def test_a_trusted_certificate_is_accepted(
    secure: Callable[..., Any], bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, path = secure("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    partner.says({"n": 1})
    assert bench.runtime().http.get(partner.url).json() == {"n": 1}


@pytest.mark.usefixtures("_fresh_tls")
def test_a_watch_with_an_unknown_certificate_is_told_from_one_that_is_not_there(secure: Callable[..., Any]) -> None:
    partner, _ = secure("127.0.0.1")
    assert ping(partner.url, 5) == "its certificate is not valid"


@pytest.mark.usefixtures("_fresh_tls")
def test_a_slow_answer_over_tls_is_waited_for(
    secure: Callable[..., Any], bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, path = secure("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    partner.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", b'{"n":1}', pause=0.6)
    assert bench.runtime().http.get(partner.url).json() == {"n": 1}
    assert len(partner.requests) == 1


@pytest.mark.usefixtures("_fresh_tls")
def test_an_unknown_authority_is_a_partner_error(secure: Callable[..., Any], bench: Any) -> None:
    partner, _ = secure("127.0.0.1")
    with pytest.raises(PartnerError, match="the certificate is not valid: self-signed certificate") as raised:
        bench.runtime().http.get(partner.url)
    assert raised.value.code == "network.certificate"
    assert "SSL_CERT_FILE" in raised.value.remedy
    assert bench.waits == []


@pytest.mark.usefixtures("_fresh_tls")
def test_a_certificate_of_another_host_is_a_partner_error(
    secure: Callable[..., Any], bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, path = secure("127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(PartnerError, match=r"not valid for '127\.0\.0\.1'"):
        bench.runtime().http.get(partner.url)


def test_a_server_that_does_not_speak_tls_is_a_passing_fault(bench: Any, partner: Any) -> None:
    bench.url = partner.url.replace("http:", "https:")
    with pytest.raises(TransientError, match="no TLS connection") as raised:
        bench.runtime(limits=Limits(tries=1)).http.get(bench.url)
    assert raised.value.code == "network.tls"


def test_the_process_has_one_tls_context() -> None:
    found: list[ssl.SSLContext] = []
    threads = [threading.Thread(target=lambda: found.append(transport.tls_context())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_plain_http_loads_no_authorities(partner: Any, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from mkt.contract import ConnectorConfiguration, Manifest
from mkt.runtime import transport
from mkt.runtime.factory import Runtimes
from mkt.runtime.masking import Masker
manifest = Manifest(id="a", name="a", category="lti", description="a", docs="a", hosts=["any"],
                    verify=[dict(id="a", title="a")])
configuration = ConnectorConfiguration(tenant="a", name="a", connector="a", settings=dict(u="{partner.url}"))
with Runtimes(Path()).open(configuration, manifest, masker=Masker(), emit=print, rotate=print) as runtime:
    runtime.http.get("{partner.url}")
sys.exit(transport._tls_context.cache_info().currsize)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path).returncode == 0
    assert len(partner.requests) == 1


def test_a_refused_connection_is_a_passing_fault(bench: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        bench.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(TransientError, match=r"the connection was refused \(4 tries") as raised:
            bench.runtime().http.get(bench.url)
    assert raised.value.code == "network.refused"


def test_a_name_without_an_address_is_a_passing_fault(bench: Any) -> None:
    bench.url = f"https://{'x' * 64}.acme.example"
    with pytest.raises(TransientError, match="no address is known") as raised:
        bench.runtime().http.get(bench.url)
    assert raised.value.code == "network.dns"
    assert "base_url" in raised.value.remedy


def test_a_name_is_checked_where_it_leads(bench: Any, partner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", partner.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)  # no such name is known on every machine
    http = bench.runtime(allowed_hosts=[]).http
    rule = http._hosts
    rule._manifest = rule._manifest.model_copy(update={"hosts": ("rebind.example",)})
    with pytest.raises(ConfigError, match=r"its name leads to 127\.0\.0\.1"):
        http.get(f"https://rebind.example:{partner.port}/")
    assert partner.requests == []


def test_a_dripping_body_fails_at_the_deadline(bench: Any, partner: Any) -> None:
    partner.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", *[b"x"] * 200, pause=0.05)
    started = time.monotonic()
    with pytest.raises(TransientError, match=r"not complete within 0\.3 s") as raised:
        bench.runtime(limits=Limits(total=0.3)).http.get(partner.url)
    assert time.monotonic() - started < 3
    assert raised.value.code == "network.slow"
    assert len(partner.requests) == 1


def test_dripping_headers_fail_at_the_deadline(bench: Any, partner: Any) -> None:
    partner.sends(b"HTTP/1.1 200 OK\r\nX-Slow: ", *[b"x"] * 200, pause=0.05)
    with pytest.raises(TransientError, match="not complete within"):
        bench.runtime(limits=Limits(total=0.3)).http.get(partner.url)


def test_the_runs_deadline_ends_an_answer(bench: Any, partner: Any) -> None:
    partner.sends(b"HTTP/1.1 200 OK\r\nX-Slow: ", *[b"x"] * 200, pause=0.05)
    with pytest.raises(TransientError, match="run's own time"):
        bench.runtime(deadline=time.monotonic() + 0.3).http.get(partner.url)


def test_a_stop_ends_the_wait_for_an_answer(bench: Any, partner: Any) -> None:
    stop = threading.Event()

    def answer(_: Any) -> None:
        stop.set()
        partner.released.wait(30)

    partner.answers.append(answer)
    with pytest.raises(Interrupted):
        bench.runtime(stop=stop).http.get(partner.url)


def test_a_stop_does_not_cut_off_what_cannot_be_repeated(bench: Any, partner: Any) -> None:
    stop = threading.Event()

    def answer(handler: Any) -> None:
        stop.set()
        partner.released.wait(0.7)
        partner.says({"n": 1})
        partner.answers.pop()(handler)

    partner.answers.append(answer)
    assert bench.runtime(stop=stop).http.request("POST", partner.url).json() == {"n": 1}


def test_what_is_not_http_is_a_passing_fault(bench: Any, partner: Any) -> None:
    for _ in range(4):
        partner.sends(b"SSH-2.0-OpenSSH_9.6\r\n")
    with pytest.raises(TransientError, match="cut off, or is not HTTP"):
        bench.runtime().http.get(partner.url)


def test_a_persons_own_credentials_are_not_lent_to_a_tenant(
    bench: Any, partner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    bench.runtime().http.get(partner.url)
    assert "authorization" not in partner.requests[0].headers


def test_loopback_is_never_reached_by_a_proxy(bench: Any, partner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert bench.runtime().http.get(partner.url).status == 200


def test_https_goes_by_way_of_the_proxy(bench: Any, partner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    partner.sends(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", partner.url.replace("//", "//ann:hunter2-proxy@"))
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(TransientError, match="the proxy did not let the request through") as raised:
        bench.runtime(limits=Limits(tries=1)).http.get("https://eu.acme.example/")
    assert raised.value.code == "network.proxy"
    assert partner.requests[0].method == "CONNECT"
    assert partner.requests[0].headers["proxy-authorization"] == "Basic YW5uOmh1bnRlcjItcHJveHk="
    assert bench.masker.mask("hunter2-proxy") == "***"


@pytest.mark.parametrize("proxy", ["socks5://hunter2.test:1080", "http://hunter2:port"])
def test_an_unusable_proxy_is_a_config_error(bench: Any, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(ConfigError, match="the proxy of this machine") as raised:
        bench.runtime().http.get("https://eu.acme.example/")
    assert "hunter2" not in raised.value.message + raised.value.remedy
