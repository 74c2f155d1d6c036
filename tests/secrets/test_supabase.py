import base64
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tests.secrets.test_backend_contract import in_supabase
from tests.supalocal.stack import LocalSupabase

from mkt.contract import ConnectorConfiguration, Manifest, Origin, SecretDeclaration
from mkt.errors import ConfigError, StartError, TransientError
from mkt.runtime.masking import Masker
from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.secrets.integration import IntegrationSecrets
from mkt.secrets.lookup import Tried
from mkt.secrets.placing import OneSecret
from mkt.secrets.resealing import reseal
from mkt.secrets.sealed_rows import SealedRow, SealedRows
from mkt.secrets.sealing_keys import CURRENT, PREVIOUS, SealingKeys
from mkt.secrets.sharing import sharers
from mkt.secrets.supabase import SupabaseBackend

Configure = Callable[..., ConnectorConfiguration]
TOKEN = SecretDeclaration(name="ACME_TOKEN", how="Admin > Tokens.")
ROW = Origin(source="supabase", place="integrations row 7")


@pytest.fixture
def sealed(request: pytest.FixtureRequest) -> SupabaseBackend:
    return in_supabase(request)


def chain(backend: SupabaseBackend) -> SecretChain:
    return SecretChain([EnvBackend({"MKT_SECRET__NORTH_WIND__ROSTER__ACME_TOKEN": "fallback"}), backend])


def own(configured: Configure, tenant: str, **more: Any) -> ConnectorConfiguration:
    return configured(tenant=tenant, secrets={"ACME_TOKEN": "supabase:TOKEN"}, **more)


def test_one_name_is_another_value_for_each_tenant(sealed: SupabaseBackend, configured: Configure) -> None:
    sealed.of("north-wind").write("TOKEN", "north's")
    sealed.of("acme").write("TOKEN", "acme's")
    for tenant, value in (("north-wind", "north's"), ("acme", "acme's")):
        for origin in (ROW, Origin(place="configs/x.yaml:4")):
            found = chain(sealed).resolve(own(configured, tenant, origin=origin), TOKEN)
            assert found is not None
            assert (found.value, str(found.reference)) == (value, "supabase:TOKEN")


def test_the_value_of_another_tenant_is_out_of_reach(sealed: SupabaseBackend, configured: Configure) -> None:
    sealed.of("acme").write("TOKEN", "acme's")
    with pytest.raises(ConfigError, match="missing; tried supabase:TOKEN") as raised:
        chain(sealed).resolve(own(configured, "north-wind", origin=ROW), TOKEN)
    assert "mkt secrets set north-wind/roster ACME_TOKEN" in raised.value.remedy


@pytest.mark.parametrize("name", ["../acme/TOKEN", "acme/TOKEN", "TOKEN"])
def test_no_name_leads_to_another_tenant(sealed: SupabaseBackend, configured: Configure, name: str) -> None:
    sealed.of("acme").write("TOKEN", "acme's")
    configuration = configured(origin=ROW, secrets={"ACME_TOKEN": f"supabase:{name}"})
    with pytest.raises(ConfigError):
        chain(sealed).resolve(configuration, TOKEN)


def test_a_row_copied_from_another_tenant_is_refused_and_nothing_else_is_taken(
    sealed: SupabaseBackend, configured: Configure, supabase: LocalSupabase
) -> None:
    sealed.of("acme").write("TOKEN", "acme's")
    supabase.sql(
        "insert into public.integration_secrets (tenant_id, name, ciphertext, key_id)"
        " select 'north-wind', name, ciphertext, key_id from public.integration_secrets"
    )
    with pytest.raises(ConfigError, match="copied from another tenant or name; it is not used") as raised:
        chain(sealed).resolve(own(configured, "north-wind"), TOKEN)
    assert raised.value.code == "config.secret_tampered"
    assert "north-wind.yaml:9" in raised.value.message
    assert "acme's" not in raised.value.message


def test_a_value_moved_to_another_name_is_refused(
    sealed: SupabaseBackend, configured: Configure, supabase: LocalSupabase
) -> None:
    sealed.of("north-wind").write("LESS_SECRET", "public")
    supabase.sql("update public.integration_secrets set name = 'TOKEN'")
    with pytest.raises(ConfigError, match="copied from another tenant or name"):
        chain(sealed).resolve(own(configured, "north-wind"), TOKEN)


def test_the_database_never_sees_a_value(sealed: SupabaseBackend, supabase: LocalSupabase) -> None:
    sealed.write("TOKEN", "s3cret-value")
    assert "s3cret-value" not in str(supabase.sql("select * from public.integration_secrets"))


def test_a_damaged_value_can_be_stored_again(
    sealed: SupabaseBackend, configured: Configure, supabase: LocalSupabase
) -> None:
    sealed.of("north-wind").write("TOKEN", "s3cret")
    supabase.sql("update public.integration_secrets set ciphertext = 'x'")
    secret = OneSecret(chain(sealed), own(configured, "north-wind"), TOKEN)
    assert not any(place.wins for place in secret.places())
    kept = secret.keep(secret.destination(None), "new")
    assert (kept.replaced, kept.advice, secret.value()) == (True, "", "new")


def test_a_rotated_token_is_written_back_where_the_old_one_stood(
    sealed: SupabaseBackend, configured: Configure, manifest: Manifest
) -> None:
    sealed.of("north-wind").write("TOKEN", "first")
    configuration = own(configured, "north-wind")
    secrets, masker = IntegrationSecrets(chain(sealed), configuration, manifest, Masker()), Masker()
    assert secrets.get("ACME_TOKEN") == "first"
    assert secrets.write_back("ACME_TOKEN", "second")
    later = IntegrationSecrets(chain(sealed), configuration, manifest, masker)
    assert later.get("ACME_TOKEN") == "second"
    assert "second" not in masker.mask("token second")


def test_two_tenants_with_one_name_share_nothing(sealed: SupabaseBackend, configured: Configure) -> None:
    mine, other = own(configured, "north-wind"), own(configured, "acme")
    second = own(configured, "north-wind", name="second")
    secret = OneSecret(chain(sealed), mine, TOKEN)
    assert sharers(secret, secret.destination(None), [mine, other], {}) == []
    (shared,) = sharers(secret, secret.destination(None), [mine, other, second], {})
    assert shared.startswith("north-wind/second ACME_TOKEN")


def test_a_setting_of_the_operator_cannot_name_a_tenants_value(sealed: SupabaseBackend) -> None:
    tried = chain(sealed).read("supabase:TOKEN")
    assert isinstance(tried, Tried)
    assert "this setting is no tenant's" in tried.why


def test_supabase_that_does_not_answer_is_a_passing_fault(configured: Configure) -> None:
    def away() -> Any:
        raise TransientError("db.example, integration_secrets: no connection", code="network.connect")

    backend = SupabaseBackend(SealedRows(away), keys=None)  # type: ignore[arg-type]
    with pytest.raises(
        TransientError, match="secret ACME_TOKEN of north-wind/roster cannot be read from supabase:TOKEN"
    ):
        chain(backend).resolve(own(configured, "north-wind"), TOKEN)


def test_supabase_that_is_not_set_up_is_a_matter_of_configuration(configured: Configure) -> None:
    def lacking() -> Any:
        raise StartError("SUPABASE_URL is not set", remedy="Set it.")

    backend = SupabaseBackend(SealedRows(lacking), keys=None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no access to Supabase: SUPABASE_URL is not set") as raised:
        chain(backend).resolve(own(configured, "north-wind"), TOKEN)
    assert raised.value.remedy == "Set it."


@pytest.mark.parametrize("name", ["", "/x", "a b", "a\0b", "ä", "x" * 201, ".."])
def test_a_name_that_the_table_does_not_take_is_refused_before_it_is_asked(name: str) -> None:
    backend = SupabaseBackend(SealedRows(Path), keys=None)  # type: ignore[arg-type]
    assert "letters, digits" in backend.check(name)


def test_the_connection_is_closed_with_who_asked() -> None:
    events = []

    @contextmanager
    def opened() -> Iterator[Any]:
        events.append("opened")
        yield SimpleNamespace(run=lambda *_: SimpleNamespace(data=[]))
        events.append("closed")

    backend = SupabaseBackend(SealedRows(lambda: opened), keys=None, tenant="acme")  # type: ignore[arg-type]
    assert [backend.read("TOKEN"), backend.read("TOKEN")] == [None, None]
    assert events == ["opened"]
    del backend
    gc.collect()
    assert events == ["opened", "closed"]


@pytest.fixture
def resealing(supabase: LocalSupabase) -> Iterator[tuple[SealedRows, SealingKeys]]:
    """Three values of one tenant under an earlier key, and the new one."""
    with open_supabase(find_access(Path("/nowhere"), supabase.environment)) as client:
        rows = SealedRows(lambda: lambda: nullcontext(client))
        earlier, later = (base64.b64encode(bytes([code]) * 32).decode() for code in (0, 9))
        old = SupabaseBackend(rows, SealingKeys(EnvBackend({CURRENT: earlier}), EnvBackend({})), "acme")
        for name in ("A", "B", "C"):
            old.write(name, f"value of {name}")
        yield rows, SealingKeys(EnvBackend({CURRENT: later, PREVIOUS: earlier}), EnvBackend({}))


def test_a_token_that_is_renewed_while_the_key_changes_is_not_lost(
    resealing: tuple[SealedRows, SealingKeys], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, keys = resealing
    earlier = SealingKeys(EnvBackend({CURRENT: base64.b64encode(bytes(32)).decode()}), EnvBackend({}))
    replace, renewed = rows.replace, []

    def raced(old: SealedRow, sealed: str, key_id: str) -> bool:
        if not renewed:
            renewed.append(old.label.name)
            SupabaseBackend(rows, earlier, "acme").write(old.label.name, "renewed")
        return replace(old, sealed, key_id)

    monkeypatch.setattr(rows, "replace", raced)
    (done,) = reseal(rows, keys, ["acme"])
    assert (done.resealed, done.refused) == (3, ())
    assert SupabaseBackend(rows, keys, "acme").read(renewed[0]) == "renewed"


def test_a_change_of_the_key_that_was_stopped_is_gone_on_with(
    resealing: tuple[SealedRows, SealingKeys], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, keys = resealing
    replace, calls = rows.replace, iter(range(9))

    def stopped(old: SealedRow, sealed: str, key_id: str) -> bool:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return replace(old, sealed, key_id)

    monkeypatch.setattr(rows, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        list(reseal(rows, keys, ["acme"]))
    backend = SupabaseBackend(rows, keys, "acme")
    assert [backend.read(name) for name in "ABC"] == ["value of A", "value of B", "value of C"]
    (done,) = reseal(rows, keys, ["acme"])
    assert (done.resealed, done.unchanged) == (2, 1)


def test_two_changes_of_the_key_at_once_lose_nothing(resealing: tuple[SealedRows, SealingKeys]) -> None:
    rows, keys = resealing
    with ThreadPoolExecutor(4) as pool:
        done = [each for found in pool.map(lambda _: list(reseal(rows, keys, ["acme"])), range(4)) for each in found]
    assert sum(each.resealed for each in done) == 3
    assert all(each.resealed + each.unchanged == 3 and not each.refused for each in done)
    alone = SealingKeys(EnvBackend({CURRENT: base64.b64encode(bytes([9]) * 32).decode()}), EnvBackend({}))
    backend = SupabaseBackend(rows, alone, "acme")
    assert [backend.read(name) for name in "ABC"] == ["value of A", "value of B", "value of C"]


def test_an_answer_of_the_change_that_is_lost_is_no_harm(
    resealing: tuple[SealedRows, SealingKeys], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, keys = resealing
    replace = rows.replace

    def twice(old: SealedRow, sealed: str, key_id: str) -> bool:
        replace(old, sealed, key_id)
        return replace(old, sealed, key_id)

    monkeypatch.setattr(rows, "replace", twice)
    (done,) = reseal(rows, keys, ["acme"])
    assert done.refused == ()
    assert SupabaseBackend(rows, keys, "acme").read("A") == "value of A"


def test_no_user_of_a_tenant_reaches_a_value_not_even_its_own(
    sealed: SupabaseBackend, supabase: LocalSupabase
) -> None:
    sealed.of("acme").write("TOKEN", "s3cret")
    headers = {
        "apikey": supabase.publishable_key,
        "Authorization": f"Bearer {supabase.user_token('acme', admin=True)}",
    }
    url, row = f"{supabase.url}/rest/v1/integration_secrets", {"tenant_id": "acme", "name": "TOKEN"}
    row |= {"ciphertext": "x", "key_id": "y"}
    one = f"{url}?name=eq.TOKEN"
    with httpx.Client(headers=headers, timeout=10) as user:
        answers = [user.get(url), user.post(url, json=row), user.patch(one, json=row), user.delete(one)]
    assert {answer.status_code for answer in answers} == {403}


def test_every_statement_names_its_tenant(
    sealed: SupabaseBackend, resealing: tuple[SealedRows, SealingKeys], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        sent.append(str(request.url) + request.content.decode())
        return send(self, request, **more)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    own = sealed.of("acme")
    own.write("D", "s3cret")
    assert (own.read("D"), own.holds("D"), own.delete("D")) == ("s3cret", True, True)
    rows, keys = resealing
    assert len(list(reseal(rows, keys, rows.tenants()))) == 1
    assert set(rows.some("acme", ["A", "B"])) == {"A", "B"}
    rows.erase("acme")
    assert rows.some("acme", ["A", "B"]) == {}
    assert len(sent) > 9
    named = ("tenant_id=eq.acme", "tenant_id=gt.", '"tenant_id":"acme"')
    assert all(any(name in each for name in named) for each in sent)


def test_what_one_call_needs_comes_in_one_request(
    sealed: SupabaseBackend, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"A": "first", "B/x": "second", "C.d": "third"}.items():
        sealed.of("north-wind").write(name, value)
        sealed.of("acme").write(name, "foreign")
    sent: list[str] = []
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        sent.append(str(request.url))
        return send(self, request, **more)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    references = {"A": "supabase:A", "B": "supabase:B/x", "C": "supabase:C.d", "D": "supabase:nowhere", "E": "env:X"}
    configuration = configured(tenant="north-wind", secrets=references)
    together = chain(sealed).together(configuration)
    found = [together.resolve(configuration, TOKEN.model_copy(update={"name": name})) for name in "ABC"]
    assert [each and each.value for each in found] == ["first", "second", "third"]
    assert len(sent) == 1
    assert "tenant_id=eq.north-wind" in sent[0]
    with pytest.raises(ConfigError, match="is missing"):
        together.resolve(configuration, TOKEN.model_copy(update={"name": "D"}))
    assert len(sent) == 1


def test_a_value_that_came_along_is_used_once_and_for_a_moment(
    sealed: SupabaseBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = sealed.of("acme")
    own.write("A", "old")
    own.write("B", "old")
    together = sealed.together("acme", ["A", "B"]).of("acme")
    assert together.read("A") == "old"
    own.write("A", "new")
    own.write("B", "new")
    assert (together.read("A"), together.read("B")) == ("new", "old")
    late = sealed.together("acme", ["A", "B"]).of("acme")
    assert late.read("A") == "new"
    own.write("B", "newest")
    now = time.monotonic()
    monkeypatch.setattr("mkt.secrets.supabase.time", SimpleNamespace(monotonic=lambda: now + 6))
    assert late.read("B") == "newest"


def test_what_was_read_together_is_one_tenants(sealed: SupabaseBackend) -> None:
    sealed.of("acme").write("A", "acme's")
    sealed.of("northwind").write("A", "northwind's")
    together = sealed.together("acme", ["A", "B"])
    assert (together.of("northwind").read("A"), together.of("acme").read("A")) == ("northwind's", "acme's")


def test_many_threads_read_at_once(sealed: SupabaseBackend) -> None:
    for number in range(8):
        sealed.of(f"tenant-{number}").write("TOKEN", f"value {number}")
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda number: sealed.of(f"tenant-{number % 8}").read("TOKEN"), range(64))
        assert list(found) == [f"value {number % 8}" for number in range(64)]
