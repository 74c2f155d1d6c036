"""`mkt secrets`: values come in by prompt, stdin or file, and never go out."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keyring
import pytest
from keyring.core import load_keyring
from tests.cli.front import Answer, Mkt, Project
from tests.cli.process import MKT

from mkt.runtime.masking import PROCESS

VALUE = "hunter2-hunter2"
PREFIX = "MKT_SECRET__NORTHWIND__ROSTER__"
PASSWORD = "WORKDAY_ISU_PASSWORD"
KEY = "LTI_PRIVATE_KEY"
KEPT = ".secrets/northwind/roster"


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", load_keyring("keyring.backends.fail.Keyring"))


@pytest.fixture
def northwind(project: Project) -> Project:
    project.write("northwind", settings={"base_url": "https://wd5.workday.com", "tenant": "n"})
    return project


@pytest.fixture
def campus(project: Project) -> Project:
    project.write("northwind", connector="lti-1p3-deeplink", secrets={KEY: f"file:{KEPT}/{KEY}"})
    return project


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Any:
    def give(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))

    return give


def told(answer: Answer) -> str:
    """Return all that was said, once it is certain that the value is not in it."""
    assert VALUE not in answer.out + answer.err
    return answer.out + answer.err


def test_a_value_from_stdin_is_kept_in_a_file_and_never_shown(mkt: Mkt, northwind: Project, stdin: Any) -> None:
    stdin(f"{VALUE}\n".encode())
    answer = mkt("secrets", "set", "northwind", PASSWORD, "--to", "file", "-o", "json")
    assert answer.code == 0
    assert json.loads(told(answer))["reference"] == f"file:{KEPT}/{PASSWORD}"
    assert (northwind.root / KEPT / PASSWORD).read_text() == f"{VALUE}\n"
    assert VALUE not in PROCESS.mask(VALUE)


def test_what_a_person_did_is_recorded_without_the_value(mkt: Mkt, northwind: Project, stdin: Any) -> None:
    stdin(VALUE.encode())
    mkt("secrets", "set", "northwind/roster", PASSWORD, "--to", "file")
    northwind.write("northwind", secrets={PASSWORD: f"file:{KEPT}/{PASSWORD}"})
    mkt("secrets", "copy", "northwind/roster", "northwind/roster", PASSWORD)
    mkt("secrets", "delete", "northwind/roster", PASSWORD)
    events = [e for e in mkt("events", "-o", "json").document if e["event"] == "operator.action"]
    assert [(e["details"]["what"], e["details"]["target"]) for e in events] == [
        ("set secret", f"northwind/roster {PASSWORD}"),
        ("copy secret", f"northwind/roster {PASSWORD}"),
        ("delete secret", f"northwind/roster {PASSWORD}"),
    ]
    assert VALUE.encode() not in (northwind.root / ".mkt" / "mkt.db").read_bytes()


@pytest.mark.usefixtures("northwind")
@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b" \n", "empty"), (b"\xff\xfe", "no UTF-8"), (b"a\0b", "NUL"), (b"x" * 70000, "longer than")],
)
def test_what_is_no_value_is_refused(mkt: Mkt, stdin: Any, content: bytes, why: str) -> None:
    stdin(content)
    answer = mkt("secrets", "set", "northwind", PASSWORD, "--to", "file")
    assert answer.code == 1
    assert why in answer.err
    assert not Path(KEPT).exists()


@pytest.mark.usefixtures("northwind")
def test_a_value_from_a_file_loses_one_line_break(mkt: Mkt) -> None:
    Path("value").write_bytes(f"{VALUE}\n\r\n".encode())
    assert mkt("secrets", "set", "northwind", PASSWORD, "--to", "file", "--from-file", "value").code == 0
    assert (Path(KEPT) / PASSWORD).read_text() == f"{VALUE}\n\n"
    missing = mkt("secrets", "set", "northwind", PASSWORD, "--from-file", "nowhere")
    assert (missing.code, "nowhere cannot be read" in missing.err) == (1, True)


@pytest.mark.usefixtures("northwind")
def test_a_value_is_never_an_argument(mkt: Mkt) -> None:
    assert mkt("secrets", "set", "northwind", PASSWORD, VALUE).code == 2


@pytest.mark.usefixtures("northwind")
def test_on_a_terminal_the_value_is_asked_for_and_not_echoed() -> None:
    arguments = [*MKT, "secrets", "set", "northwind", PASSWORD, "--to", "file"]
    script = f"import pty, sys; sys.exit(pty.spawn({arguments!r}))"
    asked = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        prompt = b""
        while not prompt.endswith(b"(not shown): "):
            prompt += asked.stdout.read1()
        asked.stdin.write(f"{VALUE}\n".encode())
        asked.stdin.flush()
        said = asked.stdout.read()
    assert VALUE.encode() not in said
    assert b"is stored in" in said
    assert (Path(KEPT) / PASSWORD).read_text() == f"{VALUE}\n"


@pytest.mark.usefixtures("northwind")
def test_without_a_keyring_the_way_to_a_file_is_said(mkt: Mkt, stdin: Any) -> None:
    stdin(VALUE.encode())
    answer = mkt("secrets", "set", "northwind", PASSWORD)
    assert answer.code == 1
    assert "there is no keyring" in told(answer)
    assert "--to file" in answer.err


def test_the_list_puts_first_what_is_lacking(mkt: Mkt, northwind: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}WORKDAY_ISU_USERNAME", "isu")
    (northwind.root / "configs" / "zed.yaml").write_text("tenant: zed\nintegrations: 3\n")
    answer = mkt("secrets", "list")
    assert answer.code == 0
    first, second = answer.out.splitlines()[1:3]
    assert first.split()[:3] == ["northwind/roster", PASSWORD, "missing"]
    assert f"env:{PREFIX}{PASSWORD} (not there)" in first
    assert second.split()[1:3] == ["WORKDAY_ISU_USERNAME", "ok"]
    assert "4 secrets not there and not needed" in answer.out
    assert answer.out.splitlines()[-1] == f"next: mkt secrets which northwind/roster {PASSWORD}"
    assert "zed is left out, its file is broken: configs/zed.yaml:2:15: " in answer.err


def test_the_list_of_a_broken_tenant_leads_to_what_is_broken(mkt: Mkt, project: Project) -> None:
    (project.root / "configs" / "zed.yaml").write_text("tenant: zed\nintegrations: 3\n")
    answer = mkt("secrets", "list", "zed")
    assert "configs/zed.yaml:2:15: " in answer.err
    assert answer.out.splitlines()[-1] == "next: mkt lint"


@pytest.mark.usefixtures("northwind")
def test_the_list_shows_places_and_never_a_value(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}{PASSWORD}", VALUE)
    monkeypatch.setenv(f"{PREFIX}WORKDAY_ISU_USERNAME", VALUE)
    listed = json.loads(told(mkt("secrets", "list", "northwind", "-o", "json")))
    (password,) = [row for row in listed if row["secret"] == PASSWORD]
    assert password == {
        "tenant": "northwind",
        "integration": "roster",
        "connector": "workday-hris",
        "secret": PASSWORD,
        "sensitive": True,
        "need": "alternative",
        "set": "isu",
        "reference": None,
        "found": True,
        "place": f"env:{PREFIX}{PASSWORD}",
        "lacking": False,
        "why": None,
    }
    assert mkt("secrets", "list").out.splitlines()[-1] == "next: mkt verify"


@pytest.mark.usefixtures("northwind")
def test_which_names_the_winner_and_is_no_where_there_is_none(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = mkt("secrets", "which", "northwind", PASSWORD)
    assert nowhere.code == 1
    assert nowhere.out.splitlines()[-1] == f"next: mkt secrets set northwind/roster {PASSWORD}"
    monkeypatch.setenv(f"{PREFIX}{PASSWORD}", VALUE)
    answer = mkt("secrets", "which", "northwind", PASSWORD, "-o", "json")
    assert answer.code == 0
    found = json.loads(told(answer))
    assert found["place"] == f"env:{PREFIX}{PASSWORD}"
    assert [place["wins"] for place in found["places"]] == [True, False]


@pytest.mark.usefixtures("northwind")
def test_an_unknown_name_is_refused_with_the_near_one(mkt: Mkt) -> None:
    answer = mkt("secrets", "which", "northwind", "WORKDAY_ISU_PASSWRD")
    assert answer.code == 1
    assert answer.err == (f"mkt: workday-hris has no secret WORKDAY_ISU_PASSWRD\n  -> Did you mean {PASSWORD}?\n")


def test_a_tenant_with_several_integrations_has_to_be_said_more_exactly(mkt: Mkt, project: Project) -> None:
    integrations = [{"name": name, "connector": "workday-hris"} for name in ("one", "two")]
    text = json.dumps({"tenant": "hooli", "integrations": integrations})
    (project.root / "configs" / "hooli.yaml").write_text(text)
    answer = mkt("secrets", "which", "hooli", PASSWORD)
    assert answer.code == 1
    assert "hooli/one, hooli/two" in answer.err


def test_a_generated_key_shows_its_public_half_alone(mkt: Mkt, campus: Project) -> None:
    answer = mkt("secrets", "generate", "northwind", KEY, "-o", "json")
    assert answer.code == 0
    made = answer.document
    private = (campus.root / KEPT / KEY).read_text()
    assert private.startswith("-----BEGIN PRIVATE KEY-----")
    assert made["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert set(made["jwk"]) == {"kty", "n", "e", "kid", "alg", "use"}
    assert made["advice"] is None
    assert "PRIVATE KEY-----" not in answer.out + answer.err
    assert not [line for line in private.splitlines()[6:-1] if line in answer.out]


def test_a_key_is_replaced_only_when_that_is_asked_for(mkt: Mkt, campus: Project) -> None:
    mkt("secrets", "generate", "northwind", KEY)
    before = (campus.root / KEPT / KEY).read_text()
    refused = mkt("secrets", "generate", "northwind", KEY)
    assert refused.code == 1
    assert "--replace" in refused.err
    assert (campus.root / KEPT / KEY).read_text() == before
    replaced = mkt("secrets", "generate", "northwind", KEY, "--replace")
    assert replaced.code == 0
    assert "-----BEGIN PUBLIC KEY-----\n" in replaced.out
    assert (campus.root / KEPT / KEY).read_text() != before


@pytest.mark.usefixtures("campus")
def test_what_the_partner_gives_cannot_be_generated_and_a_short_key_neither(mkt: Mkt) -> None:
    answer = mkt("secrets", "generate", "northwind", "LTI_CLIENT_ID")
    assert (answer.code, "is not made by us" in answer.err) == (1, True)
    assert mkt("secrets", "generate", "northwind", KEY, "--bits", "1024").code == 2


def test_a_value_is_copied_between_integrations(
    mkt: Mkt, northwind: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    northwind.write("hooli", secrets={PASSWORD: "file:hooli-password"})
    monkeypatch.setenv(f"{PREFIX}{PASSWORD}", VALUE)
    answer = mkt("secrets", "copy", "northwind", "hooli", PASSWORD)
    assert "hooli/roster WORKDAY_ISU_PASSWORD is stored in file:hooli-password" in told(answer)
    assert (northwind.root / "hooli-password").read_text() == f"{VALUE}\n"
    nothing = mkt("secrets", "copy", "northwind", "hooli", "WORKDAY_CLIENT_SECRET")
    assert (nothing.code, "is missing; tried" in nothing.err) == (1, True)


@pytest.mark.usefixtures("northwind")
def test_a_variable_is_not_ours_to_delete(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}{PASSWORD}", VALUE)
    answer = mkt("secrets", "delete", "northwind", PASSWORD, "--from", "file")
    assert answer.code == 1
    assert "not mkt's to delete" in told(answer)


@pytest.fixture
def sharing(northwind: Project) -> Project:
    """Three integrations that get their password from one file, which each names in its own way."""
    for tenant, place in (("northwind", "keys/pw"), ("acme", "./keys/../keys/pw"), ("hooli", "link/pw")):
        northwind.write(tenant, secrets={PASSWORD: f"file:{place}"})
    (northwind.root / "keys").mkdir()
    (northwind.root / "link").symlink_to("keys")
    (northwind.root / "keys" / "pw").write_text(f"{VALUE}\n")
    return northwind


@pytest.mark.parametrize(
    "command",
    [
        ("set", "northwind", PASSWORD, "--from-file", "new"),
        ("copy", "globex", "northwind", PASSWORD),
        ("delete", "northwind", PASSWORD),
    ],
)
def test_a_place_that_others_use_is_changed_only_when_that_is_meant(
    mkt: Mkt, sharing: Project, command: tuple[str, ...]
) -> None:
    sharing.write("globex", secrets={PASSWORD: "file:new"})
    (sharing.root / "new").write_text("another-secret\n")
    refused = mkt("secrets", *command)
    assert refused.code == 1
    assert (
        f"acme/roster {PASSWORD} (configs/acme.yaml:8), hooli/roster {PASSWORD} (configs/hooli.yaml:8)" in refused.err
    )
    assert "globex" not in refused.err
    assert "--shared" in told(refused)
    assert (sharing.root / "keys" / "pw").read_text() == f"{VALUE}\n"
    assert mkt("secrets", *command, "--shared").code == 0
    gone = command[0] == "delete"
    assert gone != (sharing.root / "keys" / "pw").exists()
    assert gone or (sharing.root / "keys" / "pw").read_text() == "another-secret\n"


def test_a_key_that_others_use_is_not_replaced_by_replace_alone(mkt: Mkt, project: Project) -> None:
    for tenant in ("northwind", "acme"):
        project.write(tenant, connector="lti-1p3-deeplink", secrets={KEY: "file:key"})
    first = mkt("secrets", "generate", "northwind", KEY, "-o", "json")
    assert (first.code, first.document["shared_with"]) == (0, [f"acme/roster {KEY} (configs/acme.yaml:8)"])
    before = (project.root / "key").read_text()
    assert mkt("secrets", "generate", "northwind", KEY, "--replace").code == 1
    assert (project.root / "key").read_text() == before
    assert mkt("secrets", "generate", "northwind", KEY, "--replace", "--shared").code == 0


@pytest.mark.usefixtures("northwind")
def test_what_is_used_until_then_is_said_when_a_value_is_stored(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}{PASSWORD}", VALUE)
    Path("new").write_text("another-secret")
    answer = mkt("secrets", "set", "northwind", PASSWORD, "--to", "file", "--from-file", "new")
    assert f"Until then the value in env:{PREFIX}{PASSWORD} is used, by `mkt verify` too." in told(answer)
    assert answer.out.splitlines()[-1] == f"next: mkt secrets which northwind/roster {PASSWORD}"


@pytest.mark.usefixtures("northwind")
def test_delete_says_where_else_it_may_be(mkt: Mkt) -> None:
    answer = mkt("secrets", "delete", "northwind", PASSWORD)
    assert (answer.code, "--from file" in answer.err) == (1, True)
    Path("new").write_text("another-secret")
    mkt("secrets", "set", "northwind", PASSWORD, "--to", "file", "--from-file", "new")
    assert mkt("secrets", "delete", "northwind", PASSWORD, "--from", "file").code == 0
    assert "`mkt secrets which" in mkt("secrets", "delete", "northwind", PASSWORD, "--from", "file").err
