from collections.abc import Callable

import pytest

from mkt.contract import ConnectorConfiguration, Manifest
from mkt.errors import ConfigError
from mkt.runtime.hosts import HostRule

Configure = Callable[..., ConnectorConfiguration]
MakeManifest = Callable[..., Manifest]


@pytest.fixture
def rule(configure: Configure, manifest: MakeManifest) -> Callable[..., HostRule]:
    def make(base_url: str = "", *hosts: str, source: str = "yaml", **given: object) -> HostRule:
        return HostRule(configure(base_url, source=source), manifest(*hosts), **given)  # type: ignore[arg-type]

    return make


Rules = Callable[..., HostRule]


@pytest.mark.parametrize(
    "url",
    [
        "https://eu.acme.example/x",
        "https://a.b.acme.example",
        "https://EU.Acme.Example:8443/",
        "https://eu.acme.example./x",
    ],
)
def test_the_manifests_hosts_are_allowed(rule: Rules, url: str) -> None:
    assert rule().check(url).scheme == "https"


@pytest.mark.parametrize(
    "url", ["https://acme.example.evil.test/", "https://evil.test/?acme.example", "https://evil.test#.acme.example"]
)
def test_any_other_host_is_refused(rule: Rules, url: str) -> None:
    with pytest.raises(ConfigError, match="north/roster may not call") as raised:
        rule().check(url)
    assert raised.value.code == "config.host_refused"
    assert "*.acme.example" in raised.value.message


def test_the_refusal_names_the_line_to_change(rule: Rules) -> None:
    with pytest.raises(ConfigError) as raised:
        rule("https://typo.test/").check("https://typo.test/x")
    assert "configs/north.yaml:7" in raised.value.remedy
    assert "[hosts] allow" in raised.value.remedy


def test_any_means_the_hosts_of_this_integrations_own_urls(rule: Rules) -> None:
    own = rule("https://lms.school.test/base", "any")
    own.check("https://lms.school.test/other")
    with pytest.raises(ConfigError, match=r"any public host in a URL of its own settings"):
        own.check("https://elsewhere.test/")


def test_a_url_deep_in_the_settings_counts(configure: Configure, manifest: MakeManifest) -> None:
    settings = {"sources": [{"url": "https://deep.test/x"}], "n": 3}
    HostRule(configure(settings=settings), manifest("any")).check("https://deep.test/")


def test_a_url_among_the_identifiers_counts(rule: Rules) -> None:
    asked = []

    def identifiers() -> list[str]:
        asked.append(1)
        return ["client-7", "https://lms.test"]

    own = rule("https://school.test", "any", identifiers=identifiers)
    own.check("https://school.test/")
    assert asked == []
    own.check("https://lms.test/token")
    assert asked == [1]


@pytest.mark.parametrize("pattern", ["extra.test", "*.test", "extra.test:443", "EXTRA.test"])
def test_the_operator_may_allow_more(rule: Rules, pattern: str) -> None:
    rule(allowed=[pattern]).check("https://extra.test/")


def test_an_allowed_port_is_that_port_alone(rule: Rules) -> None:
    with pytest.raises(ConfigError):
        rule(allowed=["extra.test:8443"]).check("https://extra.test/")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"])
def test_plain_http_is_for_loopback(rule: Rules, host: str) -> None:
    rule(f"http://{host}:8080/").check(f"http://{host}:8080/x")


@pytest.mark.parametrize("host", ["10.0.0.1", "eu.acme.example", "0.0.0.0", "localhost.evil.test", "2130706433"])  # noqa: S104 - an address under test
def test_plain_http_is_for_nothing_else(rule: Rules, host: str) -> None:
    with pytest.raises(ConfigError, match="plain http") as raised:
        rule(f"http://{host}/", allowed=["*"]).check(f"http://{host}/")
    assert raised.value.code == "config.url"


LOCAL = ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.9", "169.254.169.254", "[fd00::1]", "100.64.0.1"]
LOCAL += ["[::ffff:10.0.0.1]", "224.0.0.1"]


@pytest.mark.parametrize("host", LOCAL)
def test_a_row_reaches_no_private_address(rule: Rules, host: str) -> None:
    for hosts in ((), ("any",), ("*",)):
        with pytest.raises(ConfigError, match="may not call"):
            rule(f"https://{host}/", *hosts, source="supabase").check(f"https://{host}/")


@pytest.mark.parametrize("host", LOCAL)
def test_a_yaml_file_reaches_the_private_addresses_it_names(rule: Rules, host: str) -> None:
    rule(f"https://{host}/").check(f"https://{host}/x")
    with pytest.raises(ConfigError, match="may not call"):
        rule("https://eu.acme.example", "any").check(f"https://{host}/x")


def test_the_operators_list_reaches_private_addresses(rule: Rules) -> None:
    rule(source="supabase", allowed=["10.1.*"]).check("https://10.1.2.3/")


def test_a_name_that_leads_to_a_private_address_is_refused(rule: Rules) -> None:
    own = rule("https://lms.test", "any", source="supabase")
    own.check_address("lms.test", 443, "93.184.216.34")
    with pytest.raises(ConfigError, match=r"its name leads to 10\.0\.0\.7"):
        own.check_address("lms.test", 443, "10.0.0.7")


def test_a_name_in_a_yaml_file_may_lead_to_a_private_address(rule: Rules) -> None:
    rule("https://hr.intranet.test", "any").check_address("hr.intranet.test", 443, "10.0.0.7")


@pytest.mark.parametrize(
    "url",
    ["https://user:hunter2@eu.acme.example/", "ftp://hunter2.test/", "/hunter2", "hunter2", "https://", "http://["],
)
def test_a_url_that_is_none_is_refused_without_being_repeated(rule: Rules, url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        rule().check(url)
    assert raised.value.code == "config.url"
    assert "hunter2" not in raised.value.message + raised.value.remedy
