from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring.backends.null
import pytest

from mkt.contract import ConnectorConfiguration, Origin, SecretDeclaration
from mkt.errors import ConfigError, Refused
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.secrets.file import FileBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.secrets.placing import OneSecret

VARIABLE = "MKT_SECRET__NORTH_WIND__ROSTER__ACME_TOKEN"
IN_KEYRING = "keyring:mkt/north-wind/roster/ACME_TOKEN"
IN_FILE = "file:.secrets/north-wind/roster/ACME_TOKEN"
TOKEN = SecretDeclaration(name="ACME_TOKEN", how="Admin > Tokens.")
KEY = SecretDeclaration(name="ACME_TOKEN", how="Ours.", generate="rsa")
Make = Callable[..., OneSecret]


@pytest.fixture
def secret(tmp_path: Path, configured: Callable[..., ConnectorConfiguration]) -> Make:
    def make(
        reference: str = "",
        *,
        environ: dict[str, str] | None = None,
        declared: SecretDeclaration = TOKEN,
        **more: Any,
    ) -> OneSecret:
        chain = SecretChain([EnvBackend(environ or {}), FileBackend(tmp_path), KeyringBackend()])
        secrets = {"ACME_TOKEN": reference} if reference else {}
        return OneSecret(chain, configured(secrets=secrets, **more), declared)

    return make


@pytest.mark.parametrize(
    ("reference", "kind", "place"),
    [
        ("", None, IN_KEYRING),
        ("", "keyring", IN_KEYRING),
        ("", "file", IN_FILE),
        ("env:MINE", None, IN_KEYRING),
        ("env:MINE", "file", IN_FILE),
        ("keyring:mine/token", None, "keyring:mine/token"),
        ("keyring:mine/token", "keyring", "keyring:mine/token"),
        ("keyring:mine/token", "file", IN_FILE),
        ("file:mine", None, "file:mine"),
        ("file:mine", "keyring", IN_KEYRING),
        ("", "supabase", "supabase:roster/ACME_TOKEN"),
        ("file:mine", "supabase", "supabase:roster/ACME_TOKEN"),
    ],
)
def test_a_value_belongs_where_the_file_says_or_else_to_the_default_place(
    secret: Make, reference: str, kind: Any, place: str
) -> None:
    assert str(secret(reference).destination(kind)) == place


def test_a_value_in_the_default_place_counts_at_once(secret: Make, memory_keyring: Any) -> None:
    one = secret()
    kept = one.keep(one.destination(None), "s3cret")
    assert (kept.advice, kept.replaced) == ("", False)
    assert memory_keyring.entries == {("mkt/north-wind/roster", "ACME_TOKEN"): "s3cret"}
    assert one.keep(one.destination(None), "new").replaced
    assert one.value() == "new"


def test_a_reference_that_cannot_be_written_is_said_with_the_line_to_put_there(
    secret: Make, memory_keyring: Any
) -> None:
    one = secret("env:MINE")
    advice = one.keep(one.destination(None), "s3cret").advice
    assert memory_keyring.entries
    assert advice == (
        "It is not used yet: configs/north-wind.yaml:9 names env:MINE, which mkt cannot write. "
        f"Put `ACME_TOKEN: {IN_KEYRING}` there instead."
    )


def test_a_place_that_the_file_does_not_name_needs_a_line_in_it(secret: Make, tmp_path: Path) -> None:
    one = secret()
    advice = one.keep(one.destination("file"), "s3cret").advice
    assert (tmp_path / ".secrets/north-wind/roster/ACME_TOKEN").read_text() == "s3cret\n"
    assert f"put `ACME_TOKEN: {IN_FILE}` below secrets: of the integration at configs/north-wind.yaml:4" in advice


def test_a_place_that_a_row_does_not_name_is_said_as_the_json_of_its_column(secret: Make) -> None:
    one = secret(origin=Origin(source="supabase", place="integrations row 7"))
    advice = one.keep(one.destination("file"), "s3cret").advice
    assert f'put `{{"ACME_TOKEN": "{IN_FILE}"}}` into the column secrets of integrations row 7' in advice


@pytest.mark.usefixtures("memory_keyring")
def test_a_variable_that_comes_first_is_said(secret: Make) -> None:
    one = secret(environ={VARIABLE: "old"})
    advice = one.keep(one.destination(None), "new").advice
    assert advice.startswith(f"It is not used: env:{VARIABLE} has a value and comes first.")


def test_a_keyring_that_forgets_is_found_out(secret: Make, use_keyring: Callable[[Any], None]) -> None:
    use_keyring(keyring.backends.null.Keyring())  # type: ignore[no-untyped-call]
    one = secret()
    with pytest.raises(ConfigError, match="does not give it back") as raised:
        one.keep(one.destination(None), "s3cret")
    assert "--to file" in raised.value.remedy
    assert "s3cret" not in str(raised.value)


def test_a_row_from_supabase_cannot_have_a_file_written(secret: Make) -> None:
    one = secret("file:/etc/passwd", origin=Origin(source="supabase"))
    with pytest.raises(ConfigError) as raised:
        one.destination(None)
    assert raised.value.code == "config.secret_forbidden"


def test_every_place_is_named_with_why_it_does_not_win(secret: Make, memory_keyring: Any) -> None:
    memory_keyring.entries["mkt/north-wind/roster", "ACME_TOKEN"] = "s3cret"
    assert [(looked.place, looked.wins, looked.why) for looked in secret(environ={VARIABLE: ""}).places()] == [
        (f"env:{VARIABLE}", False, "empty"),
        (IN_KEYRING, True, "this one is used"),
    ]
    first, second = secret(environ={VARIABLE: "x"}).places()
    assert (first.wins, second.wins, second.why) == (True, False, "not asked: the one above comes first")


def test_a_written_reference_is_the_only_place_that_counts(secret: Make, memory_keyring: Any) -> None:
    memory_keyring.entries["mkt/north-wind/roster", "ACME_TOKEN"] = "s3cret"
    places = list(secret("env:MINE").places())
    assert [(looked.place, looked.wins) for looked in places] == [
        ("env:MINE", False),
        (f"env:{VARIABLE}", False),
        (IN_KEYRING, False),
    ]
    assert places[2].why == "not asked: configs/north-wind.yaml:9 names a place"


def test_a_missing_value_is_an_error_with_every_place(secret: Make, memory_keyring: Any) -> None:
    assert not memory_keyring.entries
    with pytest.raises(ConfigError, match=VARIABLE):
        secret().value()


def test_a_deleted_value_is_gone_and_what_is_left_is_said(secret: Make, memory_keyring: Any) -> None:
    memory_keyring.entries["mkt/north-wind/roster", "ACME_TOKEN"] = "s3cret"
    one = secret(environ={VARIABLE: "other"})
    assert one.delete(one.destination(None)) == f"env:{VARIABLE}"
    assert memory_keyring.entries == {}


def test_a_value_that_is_not_there_cannot_be_deleted(secret: Make, memory_keyring: Any) -> None:
    assert not memory_keyring.entries
    one = secret(environ={VARIABLE: "other"})
    with pytest.raises(Refused, match="is not mkt's to delete") as raised:
        one.delete(one.destination(None))
    assert VARIABLE in raised.value.remedy
    with pytest.raises(Refused, match="has no value in file:mine"):
        secret("file:mine").delete(secret("file:mine").destination(None))


@pytest.mark.parametrize("environ", [{}, {VARIABLE: "a key"}])
def test_a_new_one_replaces_nothing_that_nobody_gave_up(
    secret: Make, memory_keyring: Any, environ: dict[str, str]
) -> None:
    one = secret(declared=KEY, environ=environ)
    if not environ:
        memory_keyring.entries["mkt/north-wind/roster", "ACME_TOKEN"] = "a key"
    with pytest.raises(Refused, match="nothing was changed"):
        one.place_for_a_new_one(None, replace=False)
    assert str(one.place_for_a_new_one(None, replace=True)) == IN_KEYRING


def test_what_a_partner_gives_is_not_made_by_us(secret: Make) -> None:
    with pytest.raises(Refused, match="is not made by us") as raised:
        secret().place_for_a_new_one("file", replace=False)
    assert "mkt secrets set north-wind/roster ACME_TOKEN" in raised.value.remedy
