"""The rows of a file in the form that they have on their way to another store, and back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from mkt.store.copying import NUMBERED, Row, as_doubles
from mkt.store.sqlite.columns import dump, load, stamp

# Columns, with what stands in them: j JSON, t a time, f a truth, b bytes; nothing for what is the same in
# both stores. An s is what `integration_sources` has: the stream, and here and there the tenant and the integration.
# A d is JSON that stands in `integration_documents`; the column has its number.
_COLUMNS: Final[Mapping[str, str]] = {
    "integration_records": "tenant_id:s integration:s stream:s seq external_id hash:b deleted:f unscoped:f"
    " first_seen_at:t changed_at:t data:d",
    "integration_events": "seq id timestamp:t event level message tenant_id integration connector category run_id"
    " details:j",
    "integration_record_scopes": "tenant_id:s integration:s stream:s scope external_id",
    "integration_absences": "tenant_id:s integration:s stream:s scope external_id",
    "integration_deliveries": "id received_at:t tenant_id integration connector method path verdict reason status"
    " duration_ms dedupe attempts next_try_at:t number request:j details:j query body:b",
    "integration_delivery_days": "tenant_id integration day number longest_gap last_at:t",
    "integration_memory": "tenant_id integration name value expires_at:t",
    "integration_alerts": "fingerprint opened_at:t body:j",
    "integration_alert_look": "one:f as_of:t",
    "integration_alert_messages": "position id sink fingerprint body:j created_at:t next_try_at:t tries state error",
    "integration_staging_runs": "staging run_id hold_id tenant_id integration direct:f resumable:f fresh:f"
    " fingerprint streams:j touched_at:t",
    "integration_staging": "position staging stream:s external_id change hash:b before_hash:b document:d",
    "integration_staging_seen": "staging stream:s scope external_id",
    "integration_staging_streams": "staging stream:s cursor invalid",
    "integration_staging_completes": "staging stream:s scope trusted:f",
    "integration_holds": "id tenant_id integration connector run_id state reasons:j changes:j change_set:b"
    " fingerprint windowed:f as_of:t opened_at:t reopened closed_at:t reason",
    "integration_runs": "id command tenant_id integration connector started_at:t finished_at:t outcome error:j"
    " details:j",
    "integration_streams": "tenant_id integration stream cursor:j as_of:t fingerprint",
    "integration_leases": "tenant_id integration epoch",
    "integration_state": "tenant_id integration next_due_at:t last_run_id last_outcome last_error:j"
    " last_finished_at:t last_ok_at:t last_change_at:t failures fingerprint schedule refusals paused_at:t paused_with"
    " connection connection_since:t",
}
_NAMED_HERE: Final = {"integration_streams": "integration_sources"}
_ORDERED: Final = {"integration_staging": "position", "integration_alert_messages": "position"}
"""Besides those that have a `seq`: what comes first has to come first there too."""

Turn = Callable[[Any], Any]


def _hex(value: bytes) -> str:
    return f"\\x{value.hex()}"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("\\x"))


def _json(value: Any) -> str:
    """Return JSON text; what has more than 64 bits was a double before PostgreSQL wrote it out."""
    try:
        return dump(value)
    except TypeError:
        return dump(as_doubles(value))


def _time(text: str) -> str:
    return stamp(datetime.fromisoformat(text))


_OUT: Final[Mapping[str, Turn]] = {"j": load, "d": load, "f": bool, "b": _hex}
_IN: Final[Mapping[str, Turn]] = {"j": _json, "d": _json, "f": int, "b": _bytes, "t": _time}


class Table(NamedTuple):
    """One table: its columns in both forms. `interned` are those that a `source` stands for."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> "Table":
        words = [word.partition(":") for word in _COLUMNS[name].split()]
        return cls(name, tuple(word[0] for word in words), tuple(word[2] for word in words))

    @property
    def here(self) -> str:
        return _NAMED_HERE.get(self.name, self.name)

    @property
    def interned(self) -> tuple[str, ...]:
        return self._of_kind("s")

    @property
    def apart(self) -> str:
        """The column whose value stands in `integration_documents`; empty for none."""
        return next(iter(self._of_kind("d")), "")

    def _of_kind(self, wanted: str) -> tuple[str, ...]:
        return tuple(column for column, kind in zip(self.columns, self.kinds, strict=True) if kind == wanted)

    @property
    def query(self) -> str:
        """The statement that reads it; of a numbered one, what comes behind a number."""
        shown = ", ".join(map(self._place, self.columns))
        joined = " cross join integration_sources s on s.source = t.source" if self.interned else ""
        joined += " left join integration_documents d on d.document = t.document" if self.apart else ""
        after = " where t.seq > ? order by t.seq" if self.name in NUMBERED else ""
        order = f" order by t.{_ORDERED[self.name]}" if self.name in _ORDERED else ""
        return f"select {shown} from {self.here} t{joined}{after}{order}"  # noqa: S608 - constants of this file

    def _place(self, column: str) -> str:
        if column == self.apart:
            return "d.data"
        return f"s.{column}" if column in self.interned else f"t.{column}"

    def turned(self, values: tuple[Any, ...]) -> Row:
        """Return a row in the form of all stores."""
        return {
            column: value if value is None or kind not in _OUT else _OUT[kind](value)
            for column, kind, value in zip(self.columns, self.kinds, values, strict=True)
        }

    def taken(self, row: Row) -> Row:
        """Return a row in this store's own form."""
        return {
            column: None if row[column] is None else _IN.get(kind, _same)(row[column])
            for column, kind in zip(self.columns, self.kinds, strict=True)
        }


def _same(value: Any) -> Any:
    return value
