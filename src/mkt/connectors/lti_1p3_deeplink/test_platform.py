"""Against a platform that somebody else wrote: `lti1p3platform` reads our keys, checks our token request to its own
mind and issues the token; only the member list, which it has not, is served here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt import PyJWTError
from jwt.algorithms import RSAAlgorithm
from lti1p3platform.exceptions import LtiException
from lti1p3platform.ltiplatform import LTI1P3PlatformConfAbstract
from lti1p3platform.nrps import LtiNrps
from lti1p3platform.registration import Registration

from mkt.connectors.lti_1p3_deeplink.keys import thumbprint
from mkt.contract import Stream
from mkt.simulation import Exchange, Reply, Request, Simulator
from mkt.simulation.server import Server
from mkt.testing.workbench import Workbench

CLIENT_ID = "northwind-tool"


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


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
        )

    def get_registration_by_params(self, **_kwargs: Any) -> Registration:
        assert self._registration is not None
        return self._registration


class IndependentPlatform(Simulator):
    """Its server with the member list of one course, and ours with our keys."""

    connector: ClassVar[str] = "lti-1p3-deeplink"

    def __init__(self) -> None:
        self.tool = generate_private_key(public_exponent=65537, key_size=2048)
        self.own = generate_private_key(public_exponent=65537, key_size=2048)
        self.readers: list[str] = []
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
            "tool_url": f"{self.keys.url}/tool",
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
        self.keys = Server(self._publish)
        self.platform = Configuration(key=self.own, tool_keys=f"{self.keys.url}/tool/jwks.json")

    def close(self) -> None:
        self.keys.close()
        super().close()

    def handle(self, request: Request) -> Reply:
        match request.path:
            case "/jwks":
                return Reply.json(self.platform.get_jwks())
            case "/token":
                return self._token(request)
            case _:
                return self._members(request)

    def _publish(self, exchange: Exchange) -> None:
        """Serve our keys, as our own server does."""
        self.readers.append(exchange.request.headers["user-agent"])
        jwk = RSAAlgorithm.to_jwk(self.tool.public_key(), as_dict=True)
        public = {name: str(jwk[name]) for name in ("kty", "n", "e")}
        exchange.send(Reply.json({"keys": [{**public, "kid": thumbprint(public), "use": "sig", "alg": "RS256"}]}))

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
