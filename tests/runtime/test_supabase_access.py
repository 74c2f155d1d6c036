from pathlib import Path

import jwt
import pytest

from mkt.errors import StartError
from mkt.runtime.masking import PROCESS
from mkt.runtime.supabase_access import find_access

SECRET = "sb_secret_0123456789abcdef"
URL = {"SUPABASE_URL": "https://abcd.supabase.co"}


def legacy(role: str) -> str:
    return jwt.encode({"iss": "supabase", "role": role}, "0123456789abcdef0123456789abcdef", algorithm="HS256")


def test_the_variables_are_taken_and_the_key_is_masked(tmp_path: Path) -> None:
    access = find_access(
        tmp_path, {"SUPABASE_URL": "https://abcd.supabase.co/ ", "SUPABASE_SECRET_KEY": f"{SECRET}\n"}
    )
    assert (access.url, access.key, access.warnings) == ("https://abcd.supabase.co", SECRET, ())
    assert (access.url_from, access.key_from) == ("variable SUPABASE_URL", "variable SUPABASE_SECRET_KEY")
    assert SECRET not in repr(access)
    assert PROCESS.mask(f"key {SECRET}") == "key ***"


def test_the_projects_env_file_stands_in_for_variables(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SUPABASE_URL='https://abcd.supabase.co'\nSUPABASE_SECRET_KEY='{SECRET}'\n")
    assert find_access(tmp_path, {}).key_from == f"{tmp_path / '.env'}: SUPABASE_SECRET_KEY"


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False), (0o640, False)])
def test_a_key_in_a_file_that_everybody_may_read_is_warned_of(tmp_path: Path, mode: int, *, warned: bool) -> None:
    file = tmp_path / ".env"
    file.write_text(f"SUPABASE_URL='https://abcd.supabase.co'\nSUPABASE_SECRET_KEY='{SECRET}'\n")
    file.chmod(mode)
    expected = (f"{file} holds the key, and everybody on this machine can read it", f"Type `chmod 600 {file}`.")
    assert find_access(tmp_path, {}).warnings == ((expected,) if warned else ())
    elsewhere = {"SUPABASE_URL": "https://abcd.supabase.co", "SUPABASE_SECRET_KEY": SECRET}
    assert find_access(tmp_path, elsewhere).warnings == ()
    assert find_access(tmp_path, {"SUPABASE_URL": "https://other.supabase.co"}).url == "https://other.supabase.co"


def test_an_env_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SUPABASE_URL=\xff")
    with pytest.raises(StartError, match="is not UTF-8"):
        find_access(tmp_path, {})


@pytest.mark.parametrize("missing", ["SUPABASE_URL", "SUPABASE_SECRET_KEY"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_missing_is_named(tmp_path: Path, missing: str, value: str | None) -> None:
    given = {**URL, "SUPABASE_SECRET_KEY": SECRET, missing: value}
    with pytest.raises(StartError, match=f"{missing} is not set") as raised:
        find_access(tmp_path, {name: text for name, text in given.items() if text is not None})
    assert missing in raised.value.remedy


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("sb_publishable_abcdef", "a publishable key"),
        (legacy("anon"), "the anon key"),
        (legacy("authenticated"), "the access token of a user"),
        (legacy("postgres"), "another role"),
        ("sbp_0123456789", "an access token of somebody's account"),
        ("postgresql://postgres:hunter2hunter2@db.abcd.supabase.co/postgres", "the address of the database"),
        ("hunter2hunter2", "no key of Supabase"),
        ("eyJhbGciOiJIUzI1NiJ9.x.y", "no key of Supabase"),
        ("sb_secret_with a space", "a space"),
        ("sb_secret_wíth", "a space, a line break or a letter"),
    ],
)
def test_what_is_no_secret_key_is_refused_without_its_value(tmp_path: Path, key: str, said: str) -> None:
    with pytest.raises(StartError, match=said) as raised:
        find_access(tmp_path, {**URL, "SUPABASE_SECRET_KEY": key})
    assert key not in raised.value.message + raised.value.remedy
    assert "hunter2" not in raised.value.message + raised.value.remedy
    assert raised.value.remedy


def test_a_legacy_key_works_with_a_warning(tmp_path: Path) -> None:
    key = legacy("service_role")
    access = find_access(tmp_path, {**URL, "SUPABASE_SECRET_KEY": key})
    ((what, remedy),) = access.warnings
    assert "legacy service_role key" in what
    assert "sb_secret_" in remedy
    assert key not in what


def test_the_legacy_name_works_with_a_warning_and_loses_to_the_new_one(tmp_path: Path) -> None:
    old = {**URL, "SUPABASE_SERVICE_ROLE_KEY": SECRET}
    assert find_access(tmp_path, old).warnings == (
        ("variable SUPABASE_SERVICE_ROLE_KEY has an old name", "Call it SUPABASE_SECRET_KEY."),
    )
    assert find_access(tmp_path, {**old, "SUPABASE_SECRET_KEY": "sb_secret_new"}).key == "sb_secret_new"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("abcd.supabase.co", "not an https:// URL"),
        ("ftp://abcd.supabase.co", "not an https:// URL"),
        ("https://", "not an https:// URL"),
        ("https://a b", "not a"),
        ("http://abcd.supabase.co", "plain http"),
        ("http://10.0.0.1:54321", "plain http"),
        ("https://abcd.supabase.co/rest/v1", "more than the host"),
        ("https://abcd.supabase.co?x=1", "more than the host"),
        ("https://me:hunter2hunter2@abcd.supabase.co", "a user name or a password"),
        ("postgresql://postgres:hunter2hunter2@db.abcd.supabase.co:5432/postgres", "not an https:// URL"),
        ("https://supabase.com/dashboard/project/abcd/settings/api", "the dashboard's address"),
    ],
)
def test_what_is_no_projects_address_is_refused(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(StartError, match=said) as raised:
        find_access(tmp_path, {"SUPABASE_URL": url, "SUPABASE_SECRET_KEY": SECRET})
    assert "hunter2" not in raised.value.message + raised.value.remedy


def test_the_dashboards_address_leads_to_the_projects(tmp_path: Path) -> None:
    with pytest.raises(StartError) as raised:
        find_access(tmp_path, {"SUPABASE_URL": "https://supabase.com/dashboard/project/abcd"})
    assert raised.value.remedy == "Set SUPABASE_URL to https://abcd.supabase.co."


@pytest.mark.parametrize("url", ["http://127.0.0.1:54321", "http://localhost:54321", "http://[::1]:54321"])
def test_plain_http_is_for_this_machine(tmp_path: Path, url: str) -> None:
    assert find_access(tmp_path, {"SUPABASE_URL": url, "SUPABASE_SECRET_KEY": SECRET}).url == url
