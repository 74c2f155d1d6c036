"""The read views: one per stream, typed columns. A public, versioned interface."""

from collections.abc import Mapping
from typing import Final

from mkt.contract import FIELDS, FieldType

# A boolean of JSON comes out of json_extract as 0 or 1, a list as JSON text.
_SQL_TYPES: Final[Mapping[FieldType, str]] = {
    "text": "text",
    "boolean": "integer",
    "integer": "integer",
    "real": "real",
    "list": "text",
}


def _column(name: str, kind: FieldType) -> str:
    return f"cast(json_extract(d.data, '$.{name}') as {_SQL_TYPES[kind]}) as \"{name}\""


def _view(stream: str, fields: Mapping[str, FieldType]) -> str:
    columns = ", ".join(_column(name, kind) for name, kind in fields.items())
    # Views take no parameters; every name in the text is our own.
    return (
        f"create view {stream} as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at,"  # noqa: S608
        f" r.first_seen_at, r.deleted, {columns}"
        " from integration_records r join integration_sources s on s.source = r.source"
        " join integration_documents d on d.document = r.document"
        f" where s.stream = '{stream}'"
    )


VIEWS: Final[Mapping[str, str]] = {stream: _view(stream, fields) for stream, fields in FIELDS.items()}
"""Name and statement of each."""
