"""What a tenant says under `settings:` of an `lti-1p3-deeplink` integration.

The models of `content` are the content items of LTI Deep Linking 2.0 (section 3), their keys in snake_case.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Product = Literal["canvas", "moodle", "blackboard", "brightspace", "sakai", "openedx", "custom"]
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "sakai": ("token_url",),  # it has the tool's number in it
    "openedx": ("token_url", "jwks_url"),  # they have the number of the LTI configuration in them
    "custom": ("issuer", "auth_url", "token_url", "jwks_url"),
}
"""What a platform's address alone does not give."""


def _url(value: str) -> str:
    """Return the URL; raise ValueError for one that is not https (or on loopback), or has credentials in it."""
    url = urlsplit(value)
    if url.scheme not in {"http", "https"} or not url.hostname or url.port == 0 or value != value.strip():
        raise ValueError("is not a URL such as https://moodle.example.edu/mod/lti/token.php")
    if "@" in url.netloc:
        raise ValueError("has credentials in it: give them as secrets")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("must be https (plain http is for loopback hosts only)")
    return value


def _no_fragment(value: str) -> str:
    if urlsplit(value).fragment:
        raise ValueError("has a # in it: leave out what follows it")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _no_slash(value: str) -> str:
    return value.rstrip("/")


Page = Annotated[str, AfterValidator(_url)]
"""What a browser opens; many a page stands after a #."""
Url = Annotated[Page, AfterValidator(_no_fragment)]
Pixels = Annotated[int, Field(gt=0, description="Pixels.", examples=[600])]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Picture(_Model):
    """An icon or a thumbnail."""

    url: Page = Field(description="Where the picture is.", examples=["https://learn.example.com/icon.png"])
    width: Pixels | None = None
    height: Pixels | None = None


class Embed(_Model):
    """HTML that shows the link in place."""

    html: str = Field(min_length=1, description="The HTML.", examples=["<iframe src='…'></iframe>"])


class Window(_Model):
    """A browser window of its own."""

    target_name: str = Field(default="", description="Name of the window.", examples=["course"])
    width: Pixels | None = None
    height: Pixels | None = None
    window_features: str = Field(default="", description="As in `window.open`.", examples=["menubar=no"])


class Frame(_Model):
    """The size of the frame that shows the resource."""

    width: Pixels | None = None
    height: Pixels | None = None


class LinkFrame(Frame):
    """A frame, and what it shows."""

    src: Page = Field(description="What the frame shows.", examples=["https://learn.example.com/embed/17"])


class LineItem(_Model):
    """A column of the gradebook."""

    score_maximum: float = Field(gt=0, description="The best possible score.", examples=[100])
    label: str = Field(default="", description="Heading; the item's title if absent.", examples=["Quiz 1"])
    resource_id: str = Field(default="", description="Our own id of the resource.", examples=["quiz-1"])
    tag: str = Field(default="", description="Our own word for what the score is of.", examples=["grade"])
    grades_released: bool | None = Field(default=None, description="Whether learners see it.", examples=[True])


class Period(_Model):
    """From when to when."""

    start_date_time: AwareDatetime | None = Field(
        default=None, description="ISO 8601 with zone.", examples=["2027-01-07T08:00:00Z"]
    )
    end_date_time: AwareDatetime | None = Field(
        default=None, description="ISO 8601 with zone.", examples=["2027-02-07T08:00:00Z"]
    )


class _Item(_Model):
    title: str = Field(default="", description="What people read.", examples=["Fire safety"])
    text: str = Field(default="", description="A description, plain text.", examples=["20 minutes, with a quiz."])


class _Pictured(_Item):
    icon: Picture | None = Field(
        default=None, description="A small picture.", examples=[{"url": "https://learn.example.com/icon.png"}]
    )
    thumbnail: Picture | None = Field(
        default=None, description="A larger picture.", examples=[{"url": "https://learn.example.com/large.png"}]
    )


class Link(_Pictured):
    """A URL that is opened without a launch."""

    type: Literal["link"]
    url: Page = Field(description="What it leads to.", examples=["https://learn.example.com/about"])
    embed: Embed | None = Field(default=None, description="Shows the link in place.", examples=[{"html": "<p/>"}])
    window: Window | None = Field(default=None, description="Opens in a window.", examples=[{"width": 800}])
    iframe: LinkFrame | None = Field(
        default=None, description="Opens in a frame.", examples=[{"src": "https://learn.example.com/embed/17"}]
    )


class LtiResourceLink(_Pictured):
    """Something that is opened by an LTI launch."""

    type: Literal["ltiResourceLink"]
    url: Page | None = Field(
        default=None,
        description="Target of the launch; the tool's own if absent.",
        examples=["https://learn.example.com/courses/17"],
    )
    window: Window | None = Field(default=None, description="Opens in a window.", examples=[{"width": 800}])
    iframe: Frame | None = Field(default=None, description="Opens in a frame.", examples=[{"height": 600}])
    custom: Mapping[str, str] = Field(
        default_factory=dict, description="Parameters that the launch brings back.", examples=[{"course": "17"}]
    )
    line_item: LineItem | None = Field(
        default=None, description="A column of the gradebook.", examples=[{"score_maximum": 100}]
    )
    available: Period | None = Field(
        default=None, description="When it can be opened.", examples=[{"start_date_time": "2027-01-07T08:00:00Z"}]
    )
    submission: Period | None = Field(
        default=None, description="When work can be handed in.", examples=[{"end_date_time": "2027-02-07T08:00:00Z"}]
    )


class File(_Pictured):
    """A file that the platform fetches."""

    type: Literal["file"]
    url: Page = Field(
        description="Where the file is for a short while.", examples=["https://learn.example.com/a.pdf"]
    )
    expires_at: AwareDatetime | None = Field(
        default=None, description="How long the URL is good.", examples=["2027-01-07T08:00:00Z"]
    )


class Html(_Item):
    """A piece of HTML."""

    type: Literal["html"]
    html: str = Field(min_length=1, description="The HTML.", examples=["<p>Welcome</p>"])


class Image(_Pictured):
    """A picture."""

    type: Literal["image"]
    url: Page = Field(description="Where the picture is.", examples=["https://learn.example.com/a.png"])
    width: Pixels | None = None
    height: Pixels | None = None


ContentItem = Annotated[Link | LtiResourceLink | File | Html | Image, Field(discriminator="type")]


class Settings(_Model):
    """Which platform it is, how it is reached, and what it is offered."""

    platform: Product = Field(
        description="The product; it gives the endpoints. `custom` has to name them all.", examples=["moodle"]
    )
    issuer: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The platform's `iss`, exactly as it says it, where it is not the product's usual one.",
        examples=["https://canvas.instructure.com"],
    )
    auth_url: Url | None = Field(
        default=None,
        description="Authentication endpoint (OIDC), where it is not the product's usual one.",
        examples=["https://moodle.example.edu/mod/lti/auth.php"],
    )
    token_url: Url | None = Field(
        default=None,
        description="Token endpoint, where it is not the product's usual one.",
        examples=["https://moodle.example.edu/mod/lti/token.php"],
    )
    jwks_url: Url | None = Field(
        default=None,
        description="The platform's public keys, where they are not at the product's usual place.",
        examples=["https://moodle.example.edu/mod/lti/certs.php"],
    )
    token_audience: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="`aud` of token requests, where it is not the token endpoint. Compared letter by letter.",
        examples=["https://api.brightspace.com/auth/token"],
    )
    deployment_ids: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] | Literal["any"] = Field(
        default="any",
        description="The deployments that belong to this tenant, or `any` of the client.",
        examples=[["1"]],
    )
    memberships_urls: tuple[Url, ...] = Field(
        default=(),
        description="`context_memberships_url` of courses to read besides those that launches made known.",
        examples=[["https://moodle.example.edu/mod/lti/services.php/CourseSection/2/bindings/1/memberships"]],
    )
    tool_url: Annotated[Url, AfterValidator(_no_slash)] | None = Field(
        default=None,
        description="Our own root for this integration, as the platform knows it; `jwks.json` is below it.",
        examples=["https://mkt.example.com/hooks/northwind/moodle"],
    )
    kid: str = Field(
        default="", description="Key id; the RFC 7638 thumbprint of the key if absent.", examples=["northwind-2027"]
    )
    previous_kid: str = Field(
        default="",
        description="Key id of LTI_PRIVATE_KEY_PREVIOUS; the RFC 7638 thumbprint of that key if absent.",
        examples=["northwind-2026"],
    )
    tool_name: str = Field(
        default="Course content",
        min_length=1,
        max_length=100,
        description="What a dynamic registration calls this tool on the platform.",
        examples=["Northwind Academy"],
    )
    frame_origins: tuple[Annotated[Url, AfterValidator(_no_slash)], ...] = Field(
        default=(),
        description="Further places whose pages show ours in a frame, besides those of the platform itself.",
        examples=[["https://portal.example.edu"]],
    )
    content: tuple[ContentItem, ...] = Field(
        default=(),
        description="What a teacher can pick: LTI content items, their keys in snake_case.",
        examples=[[{"type": "ltiResourceLink", "title": "Fire safety", "custom": {"course": "17"}}]],
    )

    @model_validator(mode="after")
    def _names_what_the_product_does_not_give(self) -> Self:
        missing = [name for name in _NEEDED.get(self.platform, ()) if getattr(self, name) is None]
        if missing:
            raise ValueError(f"platform {self.platform} also needs {', '.join(missing)}")
        if self.platform == "blackboard" and self.deployment_ids == "any":
            raise ValueError(
                "platform blackboard needs deployment_ids: all of its customers have one issuer and one client, so"
                " the deployment id alone says whose launch it is"
            )
        return self

    @model_validator(mode="after")
    def _has_no_empty_list_of_deployments(self) -> Self:
        if self.deployment_ids == ():
            raise ValueError("deployment_ids is empty: name the deployments, or write `any`")
        return self
