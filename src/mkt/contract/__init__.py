"""All that a partner engineer reads, and nothing else of mkt.

A connector is a stateless object of plain, synchronous Python. It implements `Connector`, and `Syncs` or
`HandlesWebhooks` where its manifest says so; it gets everything else from the `ConnectorContext` of the call.
"""

from mkt.contract.changes import Change, Checkpoint, Complete, Deleted, Listing, Record
from mkt.contract.configuration import ConnectorConfiguration, Disabled, Guard, Origin
from mkt.contract.connector import Connector, HandlesWebhooks, Syncs
from mkt.contract.context import (
    ConnectorContext,
    Ladder,
    Progress,
    Secrets,
    State,
    Step,
    StepOutcome,
    Window,
)
from mkt.contract.event import Category, ConnectorEvent, EventName, Level, uuid7
from mkt.contract.json import Json, JsonObject
from mkt.contract.links import REGISTRATION, link_key
from mkt.contract.manifest import (
    Manifest,
    RateLimit,
    SecretDeclaration,
    StepDeclaration,
)
from mkt.contract.runtime import (
    Auth,
    BasicAuth,
    BearerAuth,
    ConnectorRuntime,
    Explain,
    Files,
    Http,
    Response,
    SupabaseAccess,
    Token,
    TokenGrant,
)
from mkt.contract.schedule import Schedule
from mkt.contract.streams import FIELDS, STREAMS, FieldType, Stream
from mkt.contract.webhook import WebhookRequest, WebhookResponse, WebhookVerification
from mkt.errors import (
    AccessDenied,
    Actor,
    AuthError,
    ConfigError,
    ConnectorError,
    ErrorClass,
    LocalError,
    PartnerError,
    RateLimited,
    TransientError,
)

__all__ = [
    "FIELDS",
    "REGISTRATION",
    "STREAMS",
    "AccessDenied",
    "Actor",
    "Auth",
    "AuthError",
    "BasicAuth",
    "BearerAuth",
    "Category",
    "Change",
    "Checkpoint",
    "Complete",
    "ConfigError",
    "Connector",
    "ConnectorConfiguration",
    "ConnectorContext",
    "ConnectorError",
    "ConnectorEvent",
    "ConnectorRuntime",
    "Deleted",
    "Disabled",
    "ErrorClass",
    "EventName",
    "Explain",
    "FieldType",
    "Files",
    "Guard",
    "HandlesWebhooks",
    "Http",
    "Json",
    "JsonObject",
    "Ladder",
    "Level",
    "Listing",
    "LocalError",
    "Manifest",
    "Origin",
    "PartnerError",
    "Progress",
    "RateLimit",
    "RateLimited",
    "Record",
    "Response",
    "Schedule",
    "SecretDeclaration",
    "Secrets",
    "State",
    "Step",
    "StepDeclaration",
    "StepOutcome",
    "Stream",
    "SupabaseAccess",
    "Syncs",
    "Token",
    "TokenGrant",
    "TransientError",
    "WebhookRequest",
    "WebhookResponse",
    "WebhookVerification",
    "Window",
    "link_key",
    "uuid7",
]
