"""Everything is built from settings; a name that is no answer is refused before anything is made."""

from pathlib import Path

import pytest
from tests.cli.front import Mkt, Project

from mkt.cli.options import Installation
from mkt.cli.wiring import build_settings, build_source, build_store, say_slow
from mkt.errors import StartError


@pytest.mark.parametrize(("option", "known"), [("--store", "sqlite, supabase"), ("--source", "supabase, yaml")])
def test_an_unknown_answer_is_refused_with_the_known_ones(
    mkt: Mkt, project: Project, option: str, known: str
) -> None:
    project.write("northwind")
    answer = mkt("status", option, "oracle")
    assert answer.code == 2
    assert answer.err == f"mkt: there is no {option[2:]} 'oracle'\n  -> Known: {known}.\n"
    assert not (project.root / ".mkt").exists()


def test_no_project_makes_no_store(mkt: Mkt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("verify", "sync", "status", "events"):
        answer = mkt(command)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith("mkt: no project here")
    assert list(tmp_path.iterdir()) == []


def test_a_project_without_configs_makes_no_store(mkt: Mkt, tmp_path: Path) -> None:
    answer = mkt("sync", "-C", str(tmp_path))
    assert answer.code == 2
    assert "is no folder of configs" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_the_store_hangs_on_the_project_and_not_on_the_working_directory(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    settings = build_settings(Installation(project=project.root, store="sqlite:state/x.db"))
    build_store(settings).close()
    assert (project.root / "state" / "x.db").is_file()


def test_a_file_in_the_place_of_the_folder_is_no_source(project: Project) -> None:
    (project.root / "file").touch()
    with pytest.raises(StartError, match="no folder of configs"):
        build_source(build_settings(Installation(config_dir=Path("file"))))


def test_a_setting_out_of_range_names_its_flag(mkt: Mkt, project: Project) -> None:
    project.write("northwind")
    answer = mkt("verify", "-j", "0")
    assert answer.code == 2
    assert answer.err.startswith("mkt: --concurrency: ")


def test_who_waits_for_supabase_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        say_slow("abc.supabase.co")
    told = capsys.readouterr()
    assert (told.out, told.err) == (
        "",
        "mkt: no answer from Supabase (abc.supabase.co) yet; still waiting\n",
    )
