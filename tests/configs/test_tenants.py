import subprocess
import sys
from pathlib import Path

import pytest
from tests.unprivileged import UNPRIVILEGED

from mkt.configs.tenants import TenantFolder
from mkt.errors import Refused

TEXT = "tenant: northwind\nintegrations: []\n"


@pytest.fixture
def folder(tmp_path: Path) -> TenantFolder:
    return TenantFolder(Path("configs"), tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "configs" / "emea" / "northwind.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    return path


def test_a_tenant_is_found_by_what_its_file_says(folder: TenantFolder, file: Path) -> None:
    file.rename(file.with_name("other.yaml"))
    assert folder.healthy("northwind").path == "configs/emea/other.yaml"
    assert folder.files_of("other") == []


def test_a_file_that_says_nothing_goes_by_its_name(folder: TenantFolder, file: Path) -> None:
    file.write_text("[")
    assert [written.path for written in folder.files_of("northwind")] == ["configs/emea/northwind.yaml"]
    with pytest.raises(Refused, match=r"configs/emea/northwind.yaml:2:1"):
        folder.healthy("northwind")


def test_new_content_keeps_permissions_and_leaves_nothing_behind(folder: TenantFolder, file: Path) -> None:
    file.chmod(0o640)
    folder.replace(folder.healthy("northwind"), b"tenant: northwind\n")
    assert file.read_bytes() == b"tenant: northwind\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["northwind.yaml"]


def test_a_link_stays_a_link(folder: TenantFolder, file: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.yaml"
    file.rename(real)
    file.symlink_to(real)
    folder.replace(folder.healthy("northwind"), b"tenant: northwind\n")
    assert file.is_symlink()
    assert real.read_bytes() == b"tenant: northwind\n"


def test_a_file_that_was_changed_meanwhile_is_left_alone(folder: TenantFolder, file: Path) -> None:
    written = folder.healthy("northwind")
    file.write_text(TEXT + "# newer\n")
    with pytest.raises(Refused, match="changed meanwhile"):
        folder.replace(written, b"")
    with pytest.raises(Refused, match="changed meanwhile"):
        folder.remove(written)
    assert file.read_text() == TEXT + "# newer\n"


_REPLACED = """
import sys
from pathlib import Path
from mkt.configs.tenants import TenantFolder
from mkt.errors import Refused
folder = TenantFolder(Path("configs"), Path(sys.argv[1]))
try:
    folder.replace(folder.healthy("northwind"), b"")
except Refused as error:
    print(error.message)
"""


def test_a_folder_that_cannot_be_written_is_said(file: Path, tmp_path: Path) -> None:
    file.parent.chmod(0o500)
    child = [*UNPRIVILEGED, sys.executable, "-c", _REPLACED, str(tmp_path)]
    said = subprocess.run(child, capture_output=True, text=True, check=True).stdout
    file.parent.chmod(0o700)
    assert "cannot be written: Permission denied" in said
    assert file.read_text() == TEXT


def test_a_file_that_vanished_is_said(folder: TenantFolder, file: Path) -> None:
    written = folder.healthy("northwind")
    file.unlink()
    with pytest.raises(Refused, match="cannot be written: No such file"):
        folder.remove(written)


def test_a_new_file_never_takes_the_place_of_another(folder: TenantFolder, file: Path) -> None:
    with pytest.raises(Refused, match=r"exists already: configs/emea/northwind\.yaml"):
        folder.add("northwind", folder.new_path("northwind", None), TEXT)
    with pytest.raises(Refused, match="is there already") as added:
        folder.add("acme", file, "tenant: acme\n")
    assert "--path" in added.value.remedy
    with pytest.raises(Refused, match="is there already") as pulled:
        folder.create("acme", file, "tenant: acme\n")
    assert pulled.value.remedy == "Look at it: `mkt config diff acme`; then pull again."
    assert file.read_text() == TEXT


def test_the_first_tenant_makes_the_folder(folder: TenantFolder, tmp_path: Path) -> None:
    assert folder.add("acme", folder.new_path("acme", None), "tenant: acme\n") == "configs/acme.yaml"
    assert (tmp_path / "configs" / "acme.yaml").read_text() == "tenant: acme\n"


@pytest.mark.parametrize(
    "given", ["acme.yaml", "configs/acme.txt", "configs/.acme.yaml", "configs/.x/acme.yaml", "configs/../acme.yaml"]
)
def test_a_place_that_is_not_read_is_refused(folder: TenantFolder, given: str) -> None:
    with pytest.raises(Refused, match="is not read as a tenant's file"):
        folder.new_path("acme", Path(given))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tenant: northwind\npasswords: []\n", "holds passwords besides"),
        ("a: 1\n", "does not say that it is the tenant's"),
        ("tenant: northwind\n---\ntenant: other\n", "does not say that it is the tenant's"),
    ],
)
def test_a_file_that_holds_something_else_is_not_removed(
    folder: TenantFolder, file: Path, text: str, why: str
) -> None:
    file.write_text(text)
    with pytest.raises(Refused, match=why):
        folder.removable("northwind")


def test_a_broken_file_of_the_tenant_may_go(folder: TenantFolder, file: Path) -> None:
    file.write_text("tenant: northwind\nintegrations: 3\n")
    written = folder.removable("northwind")
    assert written is not None
    folder.remove(written)
    assert not file.exists()
    assert folder.removable("northwind") is None


def test_of_two_files_of_one_tenant_none_is_touched(folder: TenantFolder, file: Path) -> None:
    file.with_name("again.yaml").write_text(TEXT)
    with pytest.raises(Refused, match=r"several files: configs/emea/again.yaml, configs/emea/northwind.yaml"):
        folder.removable("northwind")
    with pytest.raises(Refused, match="several files"):
        folder.healthy("northwind")
