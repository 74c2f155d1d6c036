"""What a browser sends: the fields of a form or a query, and cookies."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from mkt.contract import WebhookRequest

Fields = Mapping[str, Sequence[str]]
_MOST: Final = 1000


def fields_of(request: WebhookRequest) -> Fields:
    """Return the fields of the form that was posted, or of the query; none of what is no form."""
    if request.method != "POST":
        return request.query
    try:
        return parse_qs(request.body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        return {}


def one(fields: Fields, name: str) -> str:
    """Return a field that may stand once; empty where it is missing, or there are two."""
    values = fields.get(name, ())
    return values[0] if len(values) == 1 else ""


def cookie(request: WebhookRequest, name: str) -> str:
    """Return a cookie's value, empty where it did not come."""
    for pair in request.headers.get("cookie", "").split(";"):
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return ""
