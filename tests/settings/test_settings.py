"""The operator's settings: where they come from, which one wins, and what a wrong one says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.errors import StartError
from mkt.settings import ProjectSettings, find_root, load


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name in ("MKT_PROJECT", "MKT_CONFIG_DIR", "MKT_STORE", "MKT_SOURCE", "MKT_CONCURRENCY"):
            patch.delenv(name, raising=False)
        yield


def _write(root: Path, text: str) -> None:
    (root / "mkt.toml").write_text(text, encoding="utf-8")


def _refused(root: Path, **flags: object) -> StartError:
    with pytest.raises(StartError) as caught:
        load(root, flags)
    return caught.value


def test_without_any_source_the_defaults_stand(tmp_path: Path) -> None:
    settings = load(tmp_path, {})
    assert (settings.source, settings.store, settings.concurrency) == ("yaml", "sqlite:.mkt/mkt.db", 16)
    assert settings.path(settings.config_dir) == tmp_path / "configs"


def test_flags_win_over_variables_over_dotenv_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, "concurrency = 2")
    assert load(tmp_path, {}).concurrency == 2
    (tmp_path / ".env").write_text("MKT_CONCURRENCY=3\n")
    assert load(tmp_path, {}).concurrency == 3
    monkeypatch.setenv("MKT_CONCURRENCY", "4")
    assert load(tmp_path, {}).concurrency == 4
    assert load(tmp_path, {"concurrency": 5}).concurrency == 5
    assert load(tmp_path, {"concurrency": None}).concurrency == 4


def test_foreign_variables_in_dotenv_are_nobodys_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=x\nMKT_SECRET__NORTHWIND__ROSTER__TOKEN=t0ken\nMKT_OTHER=1\n")
    assert load(tmp_path, {}).concurrency == 16


def test_an_unknown_key_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    _write(tmp_path, "concurency = 2")
    error = _refused(tmp_path)
    assert error.message == f"{tmp_path / 'mkt.toml'}: unknown key concurency"
    assert error.remedy == "Did you mean concurrency?"


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [
        ("[retention]\nevent = 1", "retention.event", "events"),
        ("[defaults]\nshedule = '@daily'", "defaults.shedule", "schedule"),
        ("[defaults.workday-hris]\ntimezon = 'UTC'", "defaults.workday-hris.timezon", "timezone"),
        ("[defaults.guard]\nmax_delete_procent = 1", "defaults.guard.max_delete_procent", "max_delete_percent"),
    ],
)
def test_an_unknown_key_in_a_table_is_refused_too(tmp_path: Path, text: str, key: str, meant: str) -> None:
    _write(tmp_path, text)
    error = _refused(tmp_path)
    assert error.message == f"{tmp_path / 'mkt.toml'}: {key}: unknown key"
    assert error.remedy == f"Did you mean {meant}?"


def test_a_key_that_was_added_below_a_section_is_told_where_it_belongs(tmp_path: Path) -> None:
    _write(tmp_path, '[alerts]\npublic_url = "https://hooks.example"')
    error = _refused(tmp_path)
    assert error.message == f"{tmp_path / 'mkt.toml'}: alerts.public_url: unknown key"
    assert error.remedy == "Write it above the first [section]: below [alerts] it belongs to that."


def test_the_root_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_ROOT", "/nowhere")
    assert load(tmp_path, {}).root == tmp_path
    _write(tmp_path, "root = '/nowhere'")
    assert "unknown key root" in _refused(tmp_path).message


def test_a_wrong_value_names_the_place_it_was_given_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _refused(tmp_path, concurrency=0).message.startswith("--concurrency: must be at least 1")
    _write(tmp_path, "concurrency = 'many'")
    assert _refused(tmp_path).message.startswith(f"{tmp_path / 'mkt.toml'}: concurrency: must be a whole number")
    (tmp_path / ".env").write_text("MKT_CONCURRENCY=lots\n")
    assert _refused(tmp_path).message.startswith(f"{tmp_path / '.env'}: MKT_CONCURRENCY: must be a whole number")
    monkeypatch.setenv("MKT_CONCURRENCY", "plenty")
    error = _refused(tmp_path)
    assert error.message.startswith("variable MKT_CONCURRENCY: must be a whole number")
    assert "plenty" not in error.message


def test_a_default_schedule_that_is_not_cron_is_refused_in_words(tmp_path: Path) -> None:
    _write(tmp_path, "[defaults]\nschedule = '99 * * * *'")
    assert "'99 * * * *' is not cron" in _refused(tmp_path).message


def test_a_list_in_a_variable_that_is_not_json_says_how_to_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKT_HOSTS__ALLOW", "hr.example")
    error = _refused(tmp_path)
    assert "hosts" in error.message
    assert "JSON" in error.remedy


@pytest.mark.parametrize("content", [b"concurrency = ", b"\xff\xfe", b"[lint\n"])
def test_a_file_that_is_not_toml_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mkt.toml").write_bytes(content)
    assert str(tmp_path / "mkt.toml") in _refused(tmp_path).message


@given(content=st.binary(max_size=200))
def test_no_content_of_the_file_gives_anything_but_settings_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("project")
    (root / "mkt.toml").write_bytes(content)
    try:
        said = str(load(root, {}).root)
    except StartError as error:
        said = error.message
    assert str(root) in said


def test_a_connectors_own_defaults_win_over_the_general_ones(tmp_path: Path) -> None:
    _write(
        tmp_path,
        """
        [defaults]
        schedule = "@daily"
        timezone = "Europe/London"
        guard = {max_delete_percent = 5, ignore_below = 3}
        [defaults.workday-hris]
        schedule = "@hourly"
        guard = {max_delete_percent = 20}
        """,
    )
    defaults = load(tmp_path, {}).defaults
    own, other = defaults.of("workday-hris"), defaults.of("scim-hris")
    assert (own.schedule, own.timezone) == ("@hourly", "Europe/London")
    assert (own.guard.max_delete_percent, own.guard.ignore_below) == (20, 3)
    assert (other.schedule, other.guard.max_delete_percent) == ("@daily", 5)


def test_settings_without_a_root_read_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, "concurrency = 2")
    monkeypatch.chdir(tmp_path)
    assert ProjectSettings().concurrency == 16


def test_the_root_is_the_nearest_folder_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, "")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_root(None) == tmp_path


def test_a_folder_of_configs_makes_a_project_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tenants").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_root(None, Path("tenants")) == tmp_path
    with pytest.raises(StartError, match="no project here"):
        find_root(None)
    monkeypatch.setenv("MKT_CONFIG_DIR", "tenants")
    assert find_root(None) == tmp_path


def test_the_named_project_wins_and_has_to_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_PROJECT", str(tmp_path / "gone"))
    assert find_root(tmp_path) == tmp_path
    with pytest.raises(StartError, match="is not a folder"):
        find_root(None)


def test_a_working_directory_that_was_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(StartError, match="the working directory is no longer there"):
        find_root(None)


def test_a_trusted_proxy_is_an_address_or_a_network(tmp_path: Path) -> None:
    (tmp_path / "mkt.toml").write_text('[serve]\ntrusted_proxies = ["127.0.0.1", "10.0.0.0/8"]\n')
    assert [str(each) for each in load(tmp_path, {}).serve.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8"]
    (tmp_path / "mkt.toml").write_text('[serve]\ntrusted_proxies = ["proxy.example"]\n')
    with pytest.raises(StartError, match="trusted_proxies"):
        load(tmp_path, {})
