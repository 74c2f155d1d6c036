"""Against a platform that somebody else wrote: `lti1p3platform` reads our keys, checks our token request to its own
mind and issues the token, begins logins, signs launches and checks our deep linking responses; only the member list,
which it has not, is served here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt import PyJWTError
from jwt.algorithms import RSAAlgorithm
from lti1p3platform.exceptions import LtiException
from lti1p3platform.ltiplatform import LTI1P3PlatformConfAbstract
from lti1p3platform.message_launch import LTIAdvantageMessageLaunchAbstract
from lti1p3platform.nrps import LtiNrps
from lti1p3platform.oidc_login import OIDCLoginAbstract
from lti1p3platform.registration import Registration

from mkt.connectors.lti_1p3_deeplink.keys import thumbprint
from mkt.contract import Stream
from mkt.simulation import Exchange, Reply, Request, Simulator
from mkt.simulation.server import Server
from mkt.testing.workbench import ROOT, Workbench

CLIENT_ID = "northwind-tool"


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def _key(_owner: str) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


class Configuration(LTI1P3PlatformConfAbstract):
    """The platform's registration of our tool, known by its JWKS address alone."""

    def init_platform_config(self, **kwargs: Any) -> None:
        key: RSAPrivateKey = kwargs["key"]
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._registration = (
            Registration()
            .set_iss("https://lms.example.edu")
            .set_client_id(CLIENT_ID)
            .set_deployment_id("1")
            .set_platform_public_key(public.decode())
            .set_platform_private_key(_pem(key))
            .set_tool_key_set_url(kwargs["tool_keys"])
            .set_oidc_login_url(f"{kwargs['root']}/login")
            .set_launch_url(f"{kwargs['root']}/launch")
            .set_deeplink_launch_url(f"{kwargs['root']}/launch")
        )

    def get_registration_by_params(self, **_kwargs: Any) -> Registration:
        assert self._registration is not None
        return self._registration


class _Request:
    """What the library wants of a web framework."""

    def __init__(self, query: dict[str, str]) -> None:
        self.get_data = query
        self.form_data: dict[str, str] = {}


class Login(OIDCLoginAbstract):
    """Sends a browser to our login."""

    def set_lti_message_hint(self, **kwargs: Any) -> None:
        self._lti_message_hint = kwargs["hint"]

    def get_redirect(self, url: str) -> str:
        return url


class Message(LTIAdvantageMessageLaunchAbstract):
    """Answers our authentication request."""

    def render_launch_form(self, launch_data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return launch_data


class IndependentPlatform(Simulator):
    """Its server with the member list of one course, and ours with our keys."""

    connector: ClassVar[str] = "lti-1p3-deeplink"

    def __init__(self, root: str = "") -> None:
        self.root = root
        """Where `mkt serve` runs; without it our keys are served here."""
        self.deep_linking = False
        """Whether a link in the course opens the picker."""
        self.accepted: list[Any] = []
        self.registrations: list[Any] = []
        self.about: dict[str, Any] = {}
        """What its configuration says otherwise."""
        self.tool, self.own = _key("tool"), _key("platform")
        self.readers: list[str] = []
        self.publish: Callable[[], bytes] = self.our_keys
        super().__init__(3)

    def seed(self, size: int) -> None:
        self.members = [
            {"user_id": str(number), "roles": ["Learner"], "name": f"Person {number}"} for number in range(size)
        ]

    def change(self) -> None:
        self.members.pop()

    def settings(self, variant: str = "") -> dict[str, Any]:
        del variant
        return {
            "platform": "custom",
            "issuer": "https://lms.example.edu",
            "auth_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "jwks_url": f"{self.url}/jwks",
            "deployment_ids": ["1"],
            "memberships_urls": [f"{self.url}/members"],
            "tool_url": self.root or f"{self.keys.url}/tool",
        }

    def secrets(self, variant: str = "") -> dict[str, str]:
        del variant
        return {"LTI_CLIENT_ID": CLIENT_ID, "LTI_PRIVATE_KEY": _pem(self.tool), "LTI_PLATFORM_URL": self.url}

    def expected(self, variant: str = "") -> Mapping[Stream, Mapping[str, Mapping[str, Any]]]:
        del variant
        return {"people": {str(m["user_id"]): {"formatted_name": m["name"]} for m in self.members}}

    def start(self) -> None:
        super().start()
        # A server of its own: the platform reads our keys while it answers us.
        self.keys = Server(self._serve_keys)
        keys = f"{self.root or f'{self.keys.url}/tool'}/jwks.json"
        self.platform = Configuration(key=self.own, tool_keys=keys, root=self.root or ROOT)

    def close(self) -> None:
        self.keys.close()
        super().close()

    def login_url(self, hint: str = '{"cmid": 17, "launchid": "a b+c"}') -> str:
        """Return where the platform sends a browser first; the hint is JSON text, as Moodle's is."""
        login = Login(None, self.platform)
        login.set_lti_message_hint(hint=hint)
        return str(login.initiate_login("user-7"))

    def launch(self, authentication: Mapping[str, str], *, deep_linking: bool = False) -> Mapping[str, str]:
        """Return the form by which the platform answers our authentication request: id_token, state, launch_url."""
        message = Message(_Request(dict(authentication)), self.platform)  # type: ignore[arg-type] # a web framework's
        message.set_user_data("0", ["http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"], "Person 0")
        message.set_launch_context_claim("course-1", ["CourseSection"], "Course 1")
        if deep_linking:
            message.set_dl(f"{self.url}/return", extra_data="opaque=1")  # type: ignore[arg-type] # it is opaque
        else:
            message.set_resource_link_claim("link-1")
            message.set_nrps(f"{self.url}/members")
        return {name: str(value) for name, value in message.lti_launch().items()}

    def accept(self, form: Mapping[str, str]) -> list[Any]:
        """Check a deep linking response as the library does and return its content items."""
        return list(self.platform.validate_deeplinking_resp(dict(form)))

    def handle(self, request: Request) -> Reply:
        pages: dict[str, Callable[[Request], Reply]] = {
            "/jwks": lambda _: Reply.json(self.platform.get_jwks()),
            "/token": self._token,
            "/course": lambda _: _html(f'<title>Course</title><iframe src="{self.login_url()}"></iframe>'),
            "/open": lambda _: Reply(302, headers={"Location": self.login_url()}),
            "/authorize": lambda asked: _form(self.launch(asked.query, deep_linking=self.deep_linking)),
            "/return": self._take_items,
            "/configuration": self._configuration,
            "/registrations": self._register,
            "/members": self._members,
        }
        page = pages.get(request.path)
        return page(request) if page else Reply(404)

    def _take_items(self, request: Request) -> Reply:
        self.accepted.append(self.accept(request.form))
        return _html("<title>Accepted</title><p>Accepted</p>")

    def _configuration(self, request: Request) -> Reply:
        if request.headers.get("authorization") != "Bearer once":
            return Reply.json({"error": "unauthorized"}, 401)
        messages = [
            {"type": "LtiResourceLinkRequest"},
            {"type": "LtiDeepLinkingRequest", "placements": ["ContentArea", "RichTextEditor"]},
        ]
        family = {
            "product_family_code": "example-lms",
            "version": "1",
            "messages_supported": messages,
            "variables": [],
        }
        about = {
            "issuer": "https://lms.example.edu",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "registration_endpoint": f"{self.url}/registrations",
            "scopes_supported": ["openid", *LtiNrps("").get_available_scopes()],
            "https://purl.imsglobal.org/spec/lti-platform-configuration": family,
        }
        return Reply.json({**about, **self.about})

    def _register(self, request: Request) -> Reply:
        if request.headers.get("authorization") != "Bearer once":
            return Reply.json({"error": "unauthorized"}, 401)
        said = json.loads(request.body)
        self.registrations.append(said)
        said["client_id"] = "northwind-9"
        said["https://purl.imsglobal.org/spec/lti-tool-configuration"]["deployment_id"] = "9"
        return Reply.json(said, 201)

    def _serve_keys(self, exchange: Exchange) -> None:
        self.readers.append(exchange.request.headers["user-agent"])
        exchange.send(Reply(body=self.publish()))

    def our_keys(self) -> bytes:
        """Return our keys, as our own server does; a test may put that one here."""
        jwk = RSAAlgorithm.to_jwk(self.tool.public_key(), as_dict=True)
        public = {name: str(jwk[name]) for name in ("kty", "n", "e")}
        return Reply.json({"keys": [{**public, "kid": thumbprint(public), "use": "sig", "alg": "RS256"}]}).body

    def _token(self, request: Request) -> Reply:
        try:
            return Reply.json(self.platform.get_access_token(dict(request.form)))
        except (LtiException, PyJWTError) as error:
            return Reply.json({"error": "invalid_client", "error_description": str(error)}, 401)

    def _members(self, request: Request) -> Reply:
        service = LtiNrps(f"{self.url}/members")
        token = request.headers["authorization"].removeprefix("Bearer ")
        if not self.platform.validate_token(token, service.get_available_scopes()):
            return Reply.json({"error": "no scope"}, 403)
        return Reply.json({"context": {"id": "course-1"}, "members": self.members})


def _form(launch: Mapping[str, str]) -> Reply:
    """Return the page that sends a launch on by itself, as platforms do."""
    fields = "".join(f'<input name="{name}" value="{launch[name]}">' for name in ("state", "id_token"))
    form = f'<form method="post" action="{launch["launch_url"]}">{fields}</form>'
    return _html(f"<title>Launch</title>{form}<script>document.forms[0].submit()</script>")


def _html(page: str) -> Reply:
    return Reply(body=f"<!doctype html>{page}".encode(), headers={"Content-Type": "text/html; charset=utf-8"})


@pytest.fixture
def partner() -> Iterator[IndependentPlatform]:
    with IndependentPlatform() as partner:
        yield partner


def test_the_platform_accepts_our_token_request_and_its_members_arrive(
    partner: IndependentPlatform, tmp_path: Path
) -> None:
    with Workbench(tmp_path, partner) as bench:
        result = bench.verify()
        assert {step.step: step.outcome for step in result.steps if step.outcome != "pass"} == {"members": "warn"}
        assert bench.sync().outcome == "ok"
        assert bench.records()["people"] == partner.expected()["people"]
        assert set(bench.records()["memberships"]) == {"0:course-1", "1:course-1", "2:course-1"}
        assert any("python-requests" in reader for reader in partner.readers), "the platform read our keys itself"


def test_the_platform_refuses_another_key_and_so_do_we_say(partner: IndependentPlatform, tmp_path: Path) -> None:
    other = generate_private_key(public_exponent=65537, key_size=2048)
    with Workbench(tmp_path, partner) as bench:
        bench.environ["LTI_PRIVATE_KEY"] = _pem(other)
        result = bench.verify()
        assert result.failure is not None
        assert (result.failure.code, result.failure.actor) == ("lti.key_unknown", "customer")
