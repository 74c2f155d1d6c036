from typing import Any

import pytest
from pydantic import ValidationError

from mkt.connectors.lti_1p3_deeplink.platforms import HINTS, Endpoints, endpoints, platform_root
from mkt.connectors.lti_1p3_deeplink.settings import Settings
from mkt.contract import ConfigError

OWN = {
    "issuer": "https://lms.example.edu",
    "auth_url": "https://lms.example.edu/auth",
    "token_url": "https://lms.example.edu/token",
    "jwks_url": "https://lms.example.edu/jwks",
}


def settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


def found(root: str, **given: Any) -> Endpoints:
    return endpoints(settings(**given), root, "client/1")


def test_hosted_canvas_has_one_issuer_and_one_sign_on_host() -> None:
    made = found("https://school.instructure.com", platform="canvas")
    assert made.issuer == "https://canvas.instructure.com"
    assert made.token_url == made.audience == "https://sso.canvaslms.com/login/oauth2/token"
    assert made.jwks_url == "https://sso.canvaslms.com/api/lti/security/jwks"


@pytest.mark.parametrize("stage", ["beta", "test"])
def test_canvas_has_hosts_of_their_own_for_beta_and_test(stage: str) -> None:
    made = found(f"https://school.{stage}.instructure.com", platform="canvas")
    assert made.issuer == f"https://canvas.{stage}.instructure.com"
    assert made.token_url == f"https://sso.{stage}.canvaslms.com/login/oauth2/token"


def test_a_canvas_of_ones_own_answers_on_its_own_host() -> None:
    made = found("https://canvas.example.edu", platform="canvas")
    assert made.issuer == "https://canvas.instructure.com"
    assert made.token_url == "https://canvas.example.edu/login/oauth2/token"


def test_moodle_has_its_endpoints_below_its_root() -> None:
    assert found("https://example.edu/moodle", platform="moodle") == Endpoints(
        issuer="https://example.edu/moodle",
        auth_url="https://example.edu/moodle/mod/lti/auth.php",
        token_url="https://example.edu/moodle/mod/lti/token.php",
        jwks_url="https://example.edu/moodle/mod/lti/certs.php",
        audience="https://example.edu/moodle/mod/lti/token.php",
    )


def test_blackboards_keys_are_the_applications() -> None:
    made = found("https://bb.example.edu", platform="blackboard", deployment_ids=["d-1"])
    assert made.issuer == "https://blackboard.com"
    assert made.jwks_url.endswith("/management/applications/client%2F1/jwks.json")


def test_brightspace_has_an_audience_that_is_not_its_token_endpoint() -> None:
    made = found("https://school.brightspace.com", platform="brightspace")
    assert made.token_url == "https://auth.brightspace.com/core/connect/token"
    assert made.audience == "https://api.brightspace.com/auth/token"


def test_a_token_endpoint_of_ones_own_is_its_own_audience() -> None:
    made = found("https://school.brightspace.com", platform="brightspace", token_url="https://x.example/token")
    assert made.audience == "https://x.example/token"


def test_what_is_set_goes_before_the_preset() -> None:
    made = found("https://moodle.example.edu", platform="moodle", token_audience="urn:moodle", issuer="urn:iss")
    assert (made.audience, made.issuer) == ("urn:moodle", "urn:iss")
    assert made.jwks_url == "https://moodle.example.edu/mod/lti/certs.php"


def test_a_custom_platform_names_all_its_endpoints() -> None:
    made = found("https://lms.example.edu", platform="custom", **OWN)
    assert made == Endpoints(**OWN, audience=OWN["token_url"])


@pytest.mark.parametrize(
    ("platform", "missing"),
    [("custom", "issuer, auth_url, token_url, jwks_url"), ("sakai", "token_url"), ("openedx", "token_url, jwks_url")],
)
def test_what_no_preset_gives_is_asked_for(platform: str, missing: str) -> None:
    with pytest.raises(ValidationError, match=f"also needs {missing}"):
        settings(platform=platform)


def test_every_product_has_hints_for_its_admins() -> None:
    assert set(HINTS) == {"canvas", "moodle", "blackboard", "brightspace", "sakai", "openedx", "custom"}
    assert all(all(hints) for hints in HINTS.values())


def test_blackboard_needs_deployments_since_its_customers_share_a_client() -> None:
    with pytest.raises(ValidationError, match="deployment id alone"):
        settings(platform="blackboard")


def test_no_deployment_at_all_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="empty"):
        settings(platform="moodle", deployment_ids=[])


@pytest.mark.parametrize(
    "url",
    ["moodle.example.edu", "ftp://x.example/", "http://x.example/", "https://u:p@x.example/", "https://x/#a", ""],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(platform="moodle", token_url=url)
    assert "u:p" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://x.example/a?b=c", "http://127.0.0.1:8000/a", "http://localhost/a"])
def test_https_and_loopback_addresses_are_taken_as_they_are(url: str) -> None:
    assert settings(platform="moodle", memberships_urls=[url]).memberships_urls == (url,)


def test_a_platforms_root_has_no_slash_at_its_end() -> None:
    assert platform_root(" https://moodle.example.edu/ ") == "https://moodle.example.edu"


@pytest.mark.parametrize("url", ["moodle.example.edu", "https://moodle.example.edu/?a=b", "https://", "https://x/#y"])
def test_what_is_no_root_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="LTI_PLATFORM_URL"):
        platform_root(url)


def test_every_type_of_content_item_is_known() -> None:
    made = settings(
        platform="moodle",
        content=[
            {"type": "link", "url": "https://l.example/", "iframe": {"src": "https://l.example/i", "width": 600}},
            {
                "type": "ltiResourceLink",
                "title": "Fire safety",
                "custom": {"course": "17"},
                "line_item": {"score_maximum": 100, "grades_released": True},
                "available": {"start_date_time": "2027-01-07T08:00:00Z"},
            },
            {"type": "file", "url": "https://l.example/a.pdf", "expires_at": "2027-01-07T08:00:00+01:00"},
            {"type": "html", "html": "<p>Welcome</p>"},
            {"type": "image", "url": "https://l.example/a.png", "width": 640, "icon": {"url": "https://l.example/i"}},
        ],
    )
    assert [item.type for item in made.content] == ["link", "ltiResourceLink", "file", "html", "image"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "ltiLink"},
        {"type": "link"},
        {"type": "file", "title": "no url"},
        {"type": "html"},
        {"type": "html", "html": "<p/>", "icon": {"url": "https://l.example/i"}},
        {"type": "ltiResourceLink", "custom": {"course": None}},
        {"type": "ltiResourceLink", "iframe": {"src": "https://l.example/"}},
        {"type": "ltiResourceLink", "line_item": {"score_maximum": 0}},
        {"type": "ltiResourceLink", "line_item": {}},
        {"type": "ltiResourceLink", "available": {"start_date_time": "2027-01-07T08:00:00"}},
        {"type": "link", "url": "https://l.example/", "iframe": {"width": 600}},
        {"type": "image", "url": "https://l.example/a.png", "width": -1},
        {"type": "link", "url": "https://l.example/", "colour": "red"},
    ],
)
def test_a_content_item_that_the_specification_does_not_allow_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(platform="moodle", content=[item])
