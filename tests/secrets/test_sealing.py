import base64
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.errors import ConfigError
from mkt.runtime.masking import PROCESS
from mkt.secrets.env import EnvBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.secrets.sealing import LONGEST, Label, SealError, SealingKey, key_id_of, seal, unseal
from mkt.secrets.sealing_keys import CURRENT, PREVIOUS, SealingKeys

KEY, OTHER = SealingKey(bytes(range(32))), SealingKey(bytes(32))
HERE = Label("northwind", "roster/TOKEN")


def text(key: SealingKey) -> str:
    return base64.b64encode(key.raw).decode()


def keys(**environ: str) -> SealingKeys:
    return SealingKeys(EnvBackend(environ), KeyringBackend())


@given(st.text())
def test_what_was_sealed_is_opened_again(value: str) -> None:
    assert unseal(seal(value, HERE, KEY), HERE, KEY) == value


def test_the_same_value_never_looks_the_same() -> None:
    assert seal("s3cret", HERE, KEY) != seal("s3cret", HERE, KEY)


def test_the_key_is_named_and_neither_key_nor_value_is_in_the_text() -> None:
    sealed = seal("s3cret", HERE, KEY)
    assert key_id_of(sealed, HERE) == KEY.id
    assert "s3cret" not in sealed + repr(KEY)
    assert text(KEY).rstrip("=") not in sealed


@pytest.mark.parametrize("label", [Label("acme", HERE.name), Label("northwind", "roster/OTHER"), Label("", "")])
def test_what_was_copied_from_another_tenant_or_name_is_refused(label: Label) -> None:
    with pytest.raises(SealError, match="copied from another tenant or name") as raised:
        unseal(seal("s3cret", HERE, KEY), label, KEY)
    assert raised.value.error_class == "config"
    assert raised.value.code == "config.secret_tampered"
    assert "mkt secrets set" in raised.value.remedy


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("roster/TOKEN", "northwind/roster TOKEN"),
        ("TOKEN", "northwind/INTEGRATION NAME"),
        ("shared/token", "northwind/INTEGRATION NAME"),
    ],
)
def test_the_remedy_names_an_integration_where_the_name_is_one_of_mkts(name: str, target: str) -> None:
    with pytest.raises(SealError) as raised:
        unseal(seal("s3cret", HERE, KEY), Label("northwind", f"{name}"), OTHER)
    assert f"mkt secrets set {target} --to supabase" in raised.value.remedy


def test_a_name_cannot_take_over_a_part_of_the_tenant() -> None:
    assert Label("a", "b/c").bound("k") != Label("a/b", "c").bound("k")


@given(st.data())
def test_one_changed_byte_is_refused(data: Any) -> None:
    version, key_id, box = seal("s3cret", HERE, KEY).split(".")
    raw = bytearray(base64.urlsafe_b64decode(box))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        unseal(f"{version}.{key_id}.{base64.urlsafe_b64encode(bytes(raw)).decode()}", HERE, KEY)


@pytest.mark.parametrize("change", ["{}\n", " {}", "{}=", "{}é", "{}.{}"])
def test_the_same_value_written_in_another_way_is_refused(change: str) -> None:
    sealed = seal("hunter2", HERE, KEY)
    lead, _, box = sealed.rpartition(".")
    with pytest.raises(SealError):
        unseal(f"{lead}.{change.format(box, box)}", HERE, KEY)


@pytest.mark.parametrize("box", ["", "AAAA", "not base64!", "é"])
def test_what_is_cut_off_is_refused(box: str) -> None:
    with pytest.raises(SealError):
        unseal(f"mkt1.{KEY.id}.{box}", HERE, KEY)


@given(st.text())
def test_any_text_in_the_row_is_refused(sealed: str) -> None:
    with pytest.raises(SealError):
        keys(**{CURRENT: text(KEY)}).opening(sealed, HERE)


def test_a_huge_row_is_refused_before_anything_is_done_with_it() -> None:
    with pytest.raises(SealError, match="not a value that mkt has sealed"):
        key_id_of(f"mkt1.{KEY.id}." + "A" * 3 * LONGEST, HERE)


def test_a_value_that_is_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="65,537 bytes"):
        seal("x" * (LONGEST + 1), HERE, KEY)


def test_an_earlier_key_still_opens() -> None:
    found = keys(**{CURRENT: text(KEY), PREVIOUS: f"{text(SealingKey(b'7' * 32))}, {text(OTHER)}"})
    assert found.current == KEY
    assert found.opening(seal("s3cret", HERE, OTHER), HERE) == OTHER


def test_a_key_that_is_not_known_here_is_named_with_what_to_do() -> None:
    with pytest.raises(SealError, match=f"sealed with key {OTHER.id}, which is neither MKT_SECRETS_KEY") as raised:
        keys(**{CURRENT: text(KEY)}).opening(seal("s3cret", HERE, OTHER), HERE)
    assert raised.value.code == "config.secrets_key_unknown"
    assert "If other machines have that key as MKT_SECRETS_KEY, put it there on this one too." in raised.value.remedy
    assert PREVIOUS in raised.value.remedy


def test_without_a_variable_the_key_is_in_the_keyring(memory_keyring: Any) -> None:
    memory_keyring.entries["mkt", "secrets-key"] = text(KEY)
    memory_keyring.entries["mkt", "secrets-key-previous"] = text(OTHER)
    assert set(keys().known) == {KEY.id, OTHER.id}


def test_without_any_key_it_is_said_how_to_make_one(memory_keyring: Any) -> None:
    assert not memory_keyring.entries
    with pytest.raises(ConfigError, match="MKT_SECRETS_KEY is not set") as raised:
        _ = keys().current
    assert "openssl rand -base64 32" in raised.value.remedy
    assert "a new one opens none of them" in raised.value.remedy


@pytest.mark.parametrize("wrong", ["short", base64.b64encode(bytes(31)).decode(), "!" * 44, "é" * 44])
def test_a_key_that_is_none_is_refused_without_being_repeated(wrong: str) -> None:
    with pytest.raises(ConfigError, match="does not hold 32 bytes in base64") as raised:
        _ = keys(**{CURRENT: wrong}).current
    assert wrong not in raised.value.message + raised.value.remedy


def test_a_key_is_read_in_both_alphabets_and_masked_from_then_on() -> None:
    raw = b"\xff" * 16 + os.urandom(16)
    urlsafe = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert keys(**{CURRENT: urlsafe}).current.raw == raw
    assert PROCESS.mask(f"key {urlsafe}") == "key ***"
