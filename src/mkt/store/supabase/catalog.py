"""Whether the tables in Supabase are as the migrations made them: nothing missing, old, changed or too open.

`catalog.json` is what `mkt_check()` answers of a database that has just been made. `python -m tests.supalocal` writes
it, and a test holds that it is true.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeGuard

from mkt.store.supabase.migrations import MIGRATIONS, place_of

Kind = Literal["missing", "old", "new", "changed", "open"]
Catalog = Mapping[str, Any]
_EDITOR: Final = "Run this in Supabase's SQL editor."
_PUSH: Final = "Run `mkt db init`, then `supabase db push`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is not as it was made. `sql` mends it, where SQL can."""

    kind: Kind
    what: str
    remedy: str
    sql: str = ""


@cache
def expected() -> Catalog:
    """Return the catalog of a database that has all migrations."""
    catalog: Catalog = json.loads(Path(__file__).with_name("catalog.json").read_text(encoding="utf-8"))
    return catalog


def is_catalog(found: Any) -> TypeGuard[Catalog]:
    """Tell what `mkt_check()` answers from what another server may. An older one says nothing of the queue."""
    if not isinstance(found, dict):
        return False
    said = {"queue": {}, **found}
    return all(isinstance(said.get(name), type(own)) for name, own in expected().items())


def flaws(found: Catalog) -> list[Flaw]:
    """Return what is wrong with a database; what is too open first."""
    known, applied = [migration.name for migration in MIGRATIONS], found["migrations"]
    missing = [name for name in known if name not in applied]
    newer = [name for name in applied if name not in known]
    versions = [*([_new(newer)] if newer else []), *([_old(missing)] if missing else [])]
    # What a later migration brings is not missing, and what it takes away not changed, before it is applied.
    compared = [*_compared(_but_the_key(found) if versions else found)]
    found_open = [_unjudged(flaw) if newer else flaw for flaw in compared if flaw.kind == "open"]
    others = [] if versions else [flaw for flaw in compared if flaw.kind != "open"]
    return [*found_open, *versions, *others]


def absent() -> Flaw:
    """Return the flaw of a database that has not mkt's function of this check."""
    return Flaw(
        kind="missing",
        what="mkt's tables and functions are not there, or older than any that can be checked",
        remedy=_PUSH,
    )


def denied() -> Flaw:
    """Return the flaw of a database whose check the key may not call."""
    sql = (
        "grant usage on schema mkt_private to service_role; grant select on mkt_private.migrations to service_role; "
    )
    return _lacking(
        "service_role may not ask for the catalog", f"{sql}grant execute on function mkt_check() to service_role;"
    )


def _old(missing: list[str]) -> Flaw:
    return Flaw(kind="old", what=f"not applied yet: {', '.join(missing)}", remedy=_PUSH)


def _new(newer: list[str]) -> Flaw:
    what = f"a newer mkt has applied {', '.join(newer)}"
    return Flaw(kind="new", what=what, remedy="Upgrade mkt on this machine.")


def _but_the_key(found: Catalog) -> Catalog:
    """Leave out what the secret key may: another version's functions are there for it, and open nothing to others."""
    return {**found, **{kind: _each_but_the_key(found[kind]) for kind in ("tables", "views", "functions")}}


def _each_but_the_key(made: Catalog) -> Catalog:
    return {name: {**one, "grants": _others(one["grants"])} for name, one in made.items()}


def _others(grants: Any) -> Any:
    """Return the grants of every other role: rights by role of a table, a list of roles of a function."""
    left = [role for role in grants if role != "service_role"]
    return left if isinstance(grants, list) else {role: grants[role] for role in left}


def _unjudged(flaw: Flaw) -> Flaw:
    """Leave out the SQL: it would undo what a newer migration may have made so."""
    remedy = "Upgrade mkt on this machine and look again: the newer one tells whether that is its own."
    return replace(flaw, remedy=remedy, sql="")


def _compared(found: Catalog) -> Iterator[Flaw]:
    for name, table in found["tables"].items():
        yield from _opened(name, table, expected()["tables"].get(name, {}))
    for name, queued in found.get("queue", {}).items():
        yield from _unguarded(name, {**queued, "grants": _others(queued["grants"])}, {})
    yield from _each(found, "tables", "table", _table)
    for name, view in found["views"].items():
        yield from _opened_view(name, view, expected()["views"].get(name, {}))
    yield from _each(found, "views", "view", _columns)
    for name, function in found["functions"].items():
        yield from _opened_function(name, function, expected()["functions"].get(name, {}))
    yield from _each(found, "functions", "function", _function)


def _each(
    found: Catalog, kind: str, word: str, compare: Callable[[str, Catalog, Catalog], Iterator[Flaw]]
) -> Iterator[Flaw]:
    for name, wanted in expected()[kind].items():
        if name in found[kind]:
            yield from compare(name, found[kind][name], wanted)
            yield from _missing_grants(name, word, found[kind][name], wanted)  # on a column that lacks: after it
        else:
            yield _missing(f"{word} {name}", f"create {word} {name.partition('(')[0]}")


def _opened(name: str, table: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    yield from _unguarded(name, table, wanted.get("grants", {}))
    policies = wanted.get("policies", {})
    for policy, terms in table["policies"].items():
        if policy not in policies and terms["permissive"]:
            what = f"policy {policy} on {name} is not mkt's and may open rows: {_words(terms)}"
            yield _open(what, f'drop policy "{policy}" on {name};')
        elif policy in policies and terms != policies[policy]:
            yield _changed_policy(name, policy, terms)


def _unguarded(name: str, table: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    if not table["rls"]:
        what = f"table {name} has no row level security: who may read it reads the rows of every tenant"
        yield _open(what, f"alter table {name} enable row level security;")
    yield from _granted(name, table["grants"], wanted)


def _changed_policy(name: str, policy: str, terms: Catalog) -> Flaw:
    what = f"policy {policy} on {name} was changed, and may open rows: {_words(terms)}"
    return _open(what, f'drop policy "{policy}" on {name};', place=place_of(f"create policy {policy} on {name}"))


def _opened_view(name: str, view: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    readers = sorted(set(view["grants"]) - {"service_role"})
    if not view["invoker"] and (readers or wanted):
        what = f"view {name} reads with its owner's rights: {_and(readers)} can read the rows of every tenant"
        alter = f"alter view {name} set (security_invoker = true);"
        yield _open(what, f"revoke all on {name} from {', '.join(readers)};" if view["materialized"] else alter)
    yield from _granted(name, view["grants"], wanted.get("grants", {}) if wanted else _anybody(view))


def _anybody(view: Catalog) -> Catalog:
    """Somebody's own view with the reader's rights is theirs to grant, but to nobody without a sign-in."""
    return {role: rights for role, rights in view["grants"].items() if role not in ("anon", "public")}


def _opened_function(name: str, function: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    for role in sorted(set(function["grants"]) - set(wanted.get("grants", []))):
        what = f"function {name} can be called by {_role(role)}"
        yield _open(what, f"revoke all on function {name} from {role};")
    if wanted and (function["definer"], function["path"]) != (wanted["definer"], wanted["path"]):
        rights = "definer" if wanted["definer"] else "invoker"
        path = "set search_path = ''" if wanted["path"] else "reset search_path"
        what = f"function {name} runs with other rights or another search_path than mkt's"
        yield _open(what, f"alter function {name} security {rights} {path};")


def _granted(name: str, grants: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    for role, rights in grants.items():
        more = sorted(set(rights) - set(wanted.get(role, [])))
        if more:
            what = f"{_role(role)} has rights on {name} that mkt does not give: {', '.join(more)}"
            yield _open(what, f"revoke {', '.join(map(_privilege, more))} on {name} from {role};")


def _privilege(right: str) -> str:
    word, bracket, column = right.partition("(")
    return f'{word} ("{column.removesuffix(")")}")' if bracket else word


def _missing_grants(name: str, word: str, found: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    if isinstance(wanted["grants"], list):
        for role in sorted(set(wanted["grants"]) - set(found["grants"])):
            yield _lacking(f"{role} may not call function {name}", f"grant execute on function {name} to {role};")
        return
    for role, rights in wanted["grants"].items():
        less = sorted(set(rights) - set(found["grants"].get(role, [])))
        if less:
            sql = f"grant {', '.join(map(_privilege, less))} on {name} to {role};"
            yield _lacking(f"{role} may not {', '.join(less)} {word} {name}", sql)


def _table(name: str, found: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    yield from _columns(name, found, wanted)
    for policy in sorted(set(wanted["policies"]) - set(found["policies"])):
        yield _missing(f"policy {policy} on {name}", f"create policy {policy} on {name}")
    disabled = found.get("disabled", [])
    there = {**found, "triggers": [*found["triggers"], *disabled]}
    for trigger in sorted(set(wanted["triggers"]) & set(disabled)):
        sql = f"alter table {name} enable trigger {trigger};"
        yield Flaw(kind="changed", what=f"trigger {trigger} of {name} is disabled", remedy=_EDITOR, sql=sql)
    for kind, word in (("indexes", "index"), ("constraints", "constraint"), ("triggers", "trigger")):
        for one in sorted(set(wanted[kind]) - set(there[kind])):
            begins = f"create {word} {one}" if place_of(f"create {word} {one}") else f"create table {name}"
            if not (kind == "indexes" and one in wanted["constraints"]):
                yield _missing(f"{word} {one} of {name}", begins)


def _columns(name: str, found: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    for column, kind in wanted["columns"].items():
        if column not in found["columns"]:
            yield _missing(f"column {column} of {name}", f"create table {name}", f"create view {name}")
        elif found["columns"][column] != kind:
            what = f"column {column} of {name} is {found['columns'][column]}, not {kind}"
            yield Flaw(kind="changed", what=what, remedy=f"Make it {kind} again in Supabase's SQL editor.")


def _function(name: str, found: Catalog, wanted: Catalog) -> Iterator[Flaw]:
    if found["body"] != wanted["body"]:
        place = place_of(f"create function {name.partition('(')[0]}")
        remedy = f"Run the statement at {place} in Supabase's SQL editor, as create or replace."
        yield Flaw(kind="changed", what=f"function {name} has another body than mkt's", remedy=remedy)


def _missing(what: str, *statements: str) -> Flaw:
    place = next((found for statement in statements if (found := place_of(statement))), "")
    remedy = f"Run that part of {place} in Supabase's SQL editor." if place else _PUSH
    return Flaw(kind="missing", what=f"{what} is missing", remedy=remedy)


def _lacking(what: str, sql: str) -> Flaw:
    return Flaw(kind="missing", what=what, remedy=_EDITOR, sql=sql)


def _open(what: str, sql: str, *, place: str = "") -> Flaw:
    remedy = f"{_EDITOR} After that, the part that begins at {place}." if place else _EDITOR
    return Flaw(kind="open", what=what, remedy=remedy, sql=sql)


def _role(role: str) -> str:
    everybody = {"anon": "anon (everybody who has the publishable key)", "public": "public (every role)"}
    return everybody.get(role, role)


def _and(roles: list[str]) -> str:
    return " and ".join(roles) or "whoever is granted it"


def _words(terms: Catalog) -> str:
    texts = [f"{word} {terms[word]}" for word in ("using", "check") if terms[word]]
    return f"for {', '.join(terms['roles'])}: {'; '.join(texts) or 'everything'}"
