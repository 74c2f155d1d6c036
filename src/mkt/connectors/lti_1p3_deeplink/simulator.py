"""Three LTI 1.3 platforms on loopback: Canvas, Moodle, and one of the specification's own with differences.

Endpoints, pages and errors are those of the products (see the folder's README). Token requests are checked to the
letter: signature, issuer, audience, times and replay. The platforms know the tool's key; they fetch nothing from it.

Each also starts launches: `/start` leads a browser to the tool's login, the authentication endpoint answers with a
signed message, and `/return` takes the content items that were picked.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm

from mkt.connectors.lti_1p3_deeplink.campus import COURSES, Campus, Product, Records, context_id
from mkt.connectors.lti_1p3_deeplink.claims import CONTENT_ITEMS
from mkt.connectors.lti_1p3_deeplink.messages import form, message
from mkt.simulation import Reply, Request, Simulator, Tokens

_SCOPE: Final = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
_MEDIA_TYPE: Final = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLIENT_ID: Final = "10000000000042"
_TOKEN_PATHS: Final[Mapping[str, Product]] = {
    "/login/oauth2/token": "canvas",
    "/mod/lti/token.php": "moodle",
    "/platform/token": "custom",
}
_KEY_PATHS: Final = frozenset({"/api/lti/security/jwks", "/mod/lti/certs.php", "/platform/jwks"})
_COURSES: Final[Mapping[Product, str]] = {
    "canvas": "/api/lti/courses/{}/names_and_roles",
    "moodle": "/mod/lti/services.php/CourseSection/{}/bindings/1/memberships",
    "custom": "/platform/courses/{}/members",
}
_AUTHENTICATION: Final[Mapping[str, Product]] = {
    "/api/lti/authorize_redirect": "canvas",
    "/mod/lti/auth.php": "moodle",
    "/platform/authorize": "custom",
}
_MOODLES_LIMIT: Final = 6
"""In the addresses of the variant `moodle`: without a limit, Moodle gives a whole course at once."""
_REQUIRED: Final = ("iss", "sub", "aud", "iat", "exp", "jti")
_SAID: Final[Mapping[type[Exception], tuple[str, str]]] = {
    jwt.InvalidAudienceError: ("the 'aud' is invalid", "Invalid audience"),
    jwt.ImmatureSignatureError: ("the 'iat' must be in the past", "Cannot handle token with iat prior to its time"),
    jwt.ExpiredSignatureError: ("the JWT has expired", "Expired token"),
    jwt.InvalidIssuerError: ("invalid_client: unknown client", "invalid_client"),
}
"""What Canvas and Moodle say of each fault of an assertion."""
_SIGNATURE: Final = ("JWS signature invalid.", '"kid" invalid, unable to lookup correct key')


class LtiSimulator(Simulator):
    """Serves all three; a variant is which of them an integration talks to."""

    connector: ClassVar[str] = "lti-1p3-deeplink"
    variants: ClassVar[tuple[str, ...]] = ("canvas", "moodle", "custom")

    def __init__(self, size: int = 25) -> None:
        self.tokens = Tokens("lti")
        self.tool, self._own = _keys()
        """The tool's key, whose public half is registered with the platforms; and the platforms' own."""
        self.scopes = _SCOPE
        """What the platforms grant of what is asked for."""
        self.page_size = 5
        """The most members that Canvas and the custom platform put on a page."""
        self.oldest_report = 0
        """Versions before this one have no differences report any more."""
        self.tool_root = ""
        """Where the tool is: `/hooks/<tenant>/<integration>` of the installation that `/start` leads to."""
        self.picked: list[Any] = []
        """The content items that came back."""
        self._seen: set[str] = set()
        super().__init__(size)

    def seed(self, size: int) -> None:
        self.campus = Campus.of(size)

    def change(self) -> None:
        self.campus.change()

    def settings(self, variant: str = "") -> dict[str, Any]:
        product = self._product(variant)
        urls = [self.url + _COURSES[product].format(course) for course in COURSES]
        if product == "canvas":
            return {"platform": "canvas", "memberships_urls": urls}
        if product == "moodle":
            limited = [f"{url}?limit={_MOODLES_LIMIT}" for url in urls]
            return {"platform": "moodle", "memberships_urls": limited, "deployment_ids": ["1"]}
        return {
            "platform": "custom",
            "memberships_urls": urls,
            "issuer": f"{self.url}/platform",
            "auth_url": f"{self.url}/platform/authorize",
            "token_url": f"{self.url}/platform/token",
            "jwks_url": f"{self.url}/platform/jwks",
            "token_audience": f"{self.url}/platform",
            "kid": "northwind-2027",
        }

    def secrets(self, variant: str = "") -> dict[str, str]:
        pem = self.tool.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {"LTI_CLIENT_ID": _CLIENT_ID, "LTI_PRIVATE_KEY": pem, "LTI_PLATFORM_URL": self.url}

    def expected(self, variant: str = "") -> Records:
        return self.campus.records(self._product(variant))

    def handle(self, request: Request) -> Reply:
        if request.path in _TOKEN_PATHS and request.method == "POST":
            return self._token(request, _TOKEN_PATHS[request.path])
        if request.path in _KEY_PATHS:
            jwk = RSAAlgorithm.to_jwk(self._own.public_key(), as_dict=True)
            return Reply.json({"keys": [{**jwk, "kid": "platform-1", "use": "sig", "alg": "RS256"}]})
        for product, path in _COURSES.items():
            for course in COURSES:
                if request.path == path.format(course):
                    return self._members(request, product, course)
        return self._browse(request)

    def _browse(self, request: Request) -> Reply:
        """Answer a browser."""
        if request.path in _AUTHENTICATION:
            return self._launch(request, _AUTHENTICATION[request.path])
        if request.path == "/start":
            return Reply(302, headers={"Location": self.login_url(**request.query)})
        if request.path == "/return":
            return self._take_items(request)
        return Reply.json({"message": "not found"}, 404)

    def login_url(self, variant: str = "", *, course: str = "1", deep_linking: str = "", **_others: str) -> str:
        """Return where the platform sends a browser that opens a link of a course, or adds content to it."""
        product = self._product(variant)
        query = {
            "iss": self._issuer(product),
            "login_hint": "1",
            "target_link_uri": f"{self.tool_root}/launch",
            "lti_message_hint": f"{course} {deep_linking}",
            "client_id": _CLIENT_ID,
            "lti_deployment_id": "1",
        }
        return f"{self.tool_root}/login?{urlencode(query)}"

    def _issuer(self, product: Product) -> str:
        if product == "canvas":
            return "https://canvas.instructure.com"
        return self.url if product == "moodle" else f"{self.url}/platform"

    def _launch(self, request: Request, product: Product) -> Reply:
        """Answer the tool's authentication request by a page that sends the signed message on."""
        course, _, deep_linking = request.query.get("lti_message_hint", "").partition(" ")
        if request.query.get("redirect_uri") != f"{self.tool_root}/launch" or not course.isdigit():
            return Reply(400, b"Unregistered redirect_uri, or no launch of ours")
        claims = message(
            product,
            course=int(course),
            deployment="1",
            target=f"{self.tool_root}/launch",
            members=self.url + _COURSES[product].format(course),
            return_url=f"{self.url}/return",
            now=int(time.time()),
            deep_linking=bool(deep_linking),
        )
        claims |= {"iss": self._issuer(product), "aud": _CLIENT_ID, "nonce": request.query.get("nonce", "")}
        token = jwt.encode(claims, self._own, algorithm="RS256", headers={"kid": "platform-1"})
        page = form(f"{self.tool_root}/launch", {"state": request.query.get("state", ""), "id_token": token})
        return Reply(200, page, {"Content-Type": "text/html; charset=utf-8"})

    def _take_items(self, request: Request) -> Reply:
        """Take what was picked; what is not signed by the tool is refused."""
        try:
            claims = jwt.decode(
                request.form.get("JWT", ""),
                self.tool.public_key(),
                algorithms=["RS256"],
                issuer=_CLIENT_ID,
                options={"require": ["iat", "exp", "nonce"], "verify_aud": False},
            )
        except jwt.PyJWTError as error:
            return Reply(400, str(error).encode())
        self.picked += claims[CONTENT_ITEMS]
        return Reply(200, b"Added", {"Content-Type": "text/plain"})

    def _product(self, variant: str) -> Product:
        products: Mapping[str, Product] = {"": "canvas", "canvas": "canvas", "moodle": "moodle", "custom": "custom"}
        return products[variant]

    def _token(self, request: Request, product: Product) -> Reply:
        form = request.form
        if (form.get("grant_type"), form.get("client_assertion_type")) != ("client_credentials", _ASSERTION):
            return Reply.json({"error": "unsupported_grant_type"}, 400)
        try:
            self._check(form.get("client_assertion", ""), self._audience(product))
        except jwt.PyJWTError as error:
            return _refusal(product, _SAID.get(type(error), _SIGNATURE))
        granted = [scope for scope in form.get("scope", "").split() if scope in self.scopes.split()]
        if not granted and product != "moodle":
            return Reply.json({"error": "invalid_scope"}, 400)
        reply = {"access_token": self.tokens.issue(), "expires_in": 3600, "scope": " ".join(granted) or "openid"}
        if product == "moodle":
            return Reply.json({**reply, "token_type": "bearer"}, headers={"Content-Type": "text/html; charset=utf-8"})
        return Reply.json({**reply, "token_type": "Bearer"})

    def _audience(self, product: Product) -> str:
        if product == "custom":
            return f"{self.url}/platform"
        return self.url + next(path for path, name in _TOKEN_PATHS.items() if name == product)

    def _check(self, assertion: str, audience: str) -> None:
        """Raise a `PyJWTError` for an assertion that is not valid, or was used before."""
        if not jwt.get_unverified_header(assertion).get("kid"):
            raise jwt.InvalidKeyError("no kid")
        claims = jwt.decode(
            assertion,
            self.tool.public_key(),
            algorithms=["RS256"],
            audience=audience,
            issuer=_CLIENT_ID,
            subject=_CLIENT_ID,
            options={"require": list(_REQUIRED), "strict_aud": True},
        )
        if claims["jti"] in self._seen:
            raise jwt.InvalidTokenError("replayed")
        self._seen.add(claims["jti"])

    def _members(self, request: Request, product: Product, course: int) -> Reply:
        if not self.tokens.accepts(request.headers.get("authorization", "")):
            return Reply.json({"errors": [{"message": "Invalid access token"}]}, 401)
        if request.headers.get("accept") not in (_MEDIA_TYPE, "*/*"):
            return Reply(400, b"Incorrect or missing Accept header")
        since = request.query.get("since")
        if since is not None and int(since) < self.oldest_report:
            return Reply.json({"error": "this report is no longer kept"}, 410)
        members = self.campus.members(product, course, None if since is None else int(since))
        start, size = self._window(request, product)
        body = {
            "id": self.url + request.target,
            "context": {"id": context_id(product, course), "label": f"C{course}", "title": f"Course {course}"},
            "members": members[start : start + size],
        }
        links = {}
        if start + size < len(members):
            links["next"] = self._next(request, product, start + size)
        if product == "custom" and start == 0:
            links["differences"] = f"{request.path}?since={self.campus.version}"
        header = ", ".join(f'<{self.url}{target}>; rel="{relation}"' for relation, target in links.items())
        return Reply.json(body, headers={"Content-Type": _MEDIA_TYPE, **({"Link": header} if header else {})})

    def _window(self, request: Request, product: Product) -> tuple[int, int]:
        """Return the first member and the size of the page that is asked for."""
        query = request.query
        asked = int(query.get("limit", 10_000_000))
        if product == "moodle":
            return int(query.get("from", 0)), asked
        start = int(_unpacked(query["page"])) if "page" in query else int(query.get("start", 0))
        return start, min(asked, self.page_size)

    def _next(self, request: Request, product: Product, start: int) -> str:
        places = {"canvas": ("page", f"bookmark:{_packed(start)}"), "moodle": ("from", str(start))}
        name, value = places.get(product, ("start", str(start)))
        return f"{request.path}?{urlencode({**request.query, name: value}, safe=':')}"


def _refusal(product: Product, said: tuple[str, str]) -> Reply:
    if product == "moodle":  # which escapes nothing
        body = f'{{\n    "error" : "{said[1]}"\n}}'
        return Reply(400, body.encode(), {"Content-Type": "text/html; charset=utf-8"})
    return Reply.json({"error": "invalid_request", "error_description": said[0]}, 400)


def _packed(start: int) -> str:
    return urlsafe_b64encode(f"[{start}]".encode()).decode().rstrip("=")


def _unpacked(page: str) -> str:
    text = page.removeprefix("bookmark:")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().strip("[]")


@cache
def _keys() -> tuple[RSAPrivateKey, RSAPrivateKey]:
    """Return the tool's key and the platforms', made once: it takes a while."""
    first, second = (generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    return first, second
