import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mkt.configs.base import Problem
from mkt.configs.document import Document
from mkt.configs.folder import content_of
from mkt.errors import Refused, StartError
from mkt.lint import chosen, explain, rules
from mkt.settings import AllDefaults

Lint = Callable[..., list[Problem]]


ACME = "integrations:\n  - connector: acme-hr\n    settings: {{base_url: https://api.acme.example}}\n"
TENANT = "tenant: {}\n" + ACME
SECRETS = "    secrets: {{ACME_CLIENT_SECRET: env:{}}}\n"


def codes(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.position.path) for problem in problems]


def test_a_healthy_folder_has_no_problems(lint: Lint) -> None:
    assert lint({"alpha.yaml": TENANT.format("alpha"), "b/beta.yml": TENANT.format("beta")}) == []


def test_a_tenant_in_two_files_is_shown_in_both(lint: Lint) -> None:
    problems = lint({"alpha.yaml": TENANT.format("alpha"), "b/alpha.yaml": TENANT.format("alpha")})
    assert codes(problems) == [("MKT701", "configs/alpha.yaml"), ("MKT701", "configs/b/alpha.yaml")]


def test_a_single_file_is_compared_with_the_whole_folder(lint: Lint, tmp_path: Path) -> None:
    files = {"alpha.yaml": TENANT.format("alpha"), "b/alpha.yaml": TENANT.format("alpha"), "c.yaml": "["}
    path = tmp_path / "configs" / "b" / "alpha.yaml"
    assert codes(lint(files, path)) == [("MKT701", str(path))]


def test_a_path_is_shown_as_the_person_gave_it(lint: Lint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = Path("configs/../configs/a.yaml")
    assert codes(lint({"a.yaml": "["}, given)) == [("MKT101", str(given))]


def test_a_folder_given_is_read_to_its_leaves(lint: Lint, tmp_path: Path) -> None:
    problems = lint({"x/y/a.yaml": "[", "b.yaml": "["}, tmp_path / "configs" / "x")
    assert codes(problems) == [("MKT101", str(tmp_path / "configs/x/y/a.yaml"))]


def test_a_path_that_does_not_exist_stops_the_start(lint: Lint, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"there is no .*b\.yaml"):
        lint({"a.yaml": TENANT.format("alpha")}, tmp_path / "b.yaml")


def test_an_empty_folder_stops_the_start(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    with pytest.raises(StartError, match="empty config folder"):
        lint({})


def test_a_file_is_checked_without_a_config_folder(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "draft.yaml").write_text("[")
    assert codes(lint({}, tmp_path / "draft.yaml")) == [("MKT101", str(tmp_path / "draft.yaml"))]


def test_problems_come_in_order_of_place(lint: Lint) -> None:
    problems = lint({"b.yaml": TENANT.format("Beta") + "    nam: x\nfoo: 1\n", "a.yaml": "["})
    assert [problem.position for problem in problems] == sorted(problem.position for problem in problems)
    assert len(problems) == 4


def test_two_tenants_with_one_reference_are_warned(lint: Lint) -> None:
    files = {f"{name}.yaml": TENANT.format(name) + SECRETS.format("ACME") for name in ("alpha", "beta")}
    problems = lint(files)
    assert codes(problems) == [("MKT702", "configs/alpha.yaml"), ("MKT702", "configs/beta.yaml")]
    assert {problem.severity for problem in problems} == {"warning"}
    assert [problem.tenant for problem in problems] == ["alpha", "beta"]


def test_one_name_in_supabase_is_each_tenants_own(lint: Lint) -> None:
    own = SECRETS.replace("env:{}", "supabase:roster/SECRET").format()
    problems = lint({f"{name}.yaml": TENANT.format(name) + own for name in ("alpha", "beta")})
    assert "MKT702" not in {code for code, _ in codes(problems)}


def test_one_tenant_may_use_a_reference_twice(lint: Lint) -> None:
    second = ACME.format().removeprefix("integrations:\n").replace("acme-hr", "acme-hr\n    name: two")
    text = TENANT.format("alpha") + SECRETS.format("ACME") + second + SECRETS.format("ACME")
    assert lint({"alpha.yaml": text}) == []


def test_a_default_schedule_that_comes_too_often_is_shown_at_the_connector(lint: Lint) -> None:
    (problem,) = lint({"alpha.yaml": TENANT.format("alpha")}, defaults=AllDefaults(schedule="*/5 * * * *"))
    assert (problem.code, problem.position.line) == ("MKT504", 3)
    assert "mkt.toml" in problem.message


def test_a_file_that_is_broken_in_one_place_is_judged_in_all_others(lint: Lint) -> None:
    text = TENANT.format("alpha").replace("base_url", "base_ur") + "    shedule: 1\n"
    assert {code for code, _ in codes(lint({"alpha.yaml": text}))} == {"MKT201", "MKT303", "MKT304"}


def test_no_secret_is_ever_repeated(lint: Lint) -> None:
    text = (
        TENANT.format("alpha").replace("https://", "https://isu:hunter2@")
        + "    secrets: {ACME_CLIENT_SECRET: hunter2, ACME_CLIENT_ID: 'hunter2:hunter2', hunter: [hunter2]}\n"
    )
    problems = lint({"a.yaml": text})
    assert len(problems) >= 4
    assert not any("hunter2" in f"{problem.message}{problem.remedy}" for problem in problems)


def test_a_secret_that_is_no_text_is_not_repeated(lint: Lint) -> None:
    text = TENANT.format("alpha") + "    secrets: {ACME_CLIENT_SECRET: 31415926}\n"
    assert not any("31415926" in f"{problem.message}{problem.remedy}" for problem in lint({"a.yaml": text}))


def test_rules_have_unique_codes_and_names() -> None:
    assert len({rule.code for rule in rules()}) == len({rule.name for rule in rules()}) == len(rules())
    assert all(re.fullmatch(r"MKT[1-9]\d\d", rule.code) for rule in rules())


def test_an_explanation_shows_a_bad_and_a_good_example() -> None:
    text = explain("mkt105")
    assert text.startswith("MKT105 anchor (error)\n")
    assert "Bad:\n    schedule: */15 * * * *\n\nGood:\n" in text


def test_an_unknown_code_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(Refused) as error:
        explain("MKT1O5")
    assert error.value.remedy.startswith("Did you mean MKT1")


def test_rules_are_chosen_by_the_beginning_of_their_code(lint: Lint) -> None:
    problems = lint({"a.yaml": TENANT.format("Alpha") + "    nam: x\n    schedule: x\n"})
    assert [problem.code for problem in chosen(problems, select=["MKT2"])] == ["MKT204", "MKT201"]
    assert [problem.code for problem in chosen(problems, ignore=["MKT2"])] == ["MKT501"]
    assert chosen(problems) == problems


MANY = 700
"""More files than one process reads alone."""


@pytest.fixture
def fleet() -> dict[str, str]:
    """Most files healthy, some wrong, two with one tenant, two with one reference, some with comments."""
    files = {f"{n // 100}/t{n}.yaml": TENANT.format(f"t{n}") for n in range(MANY)}
    for n in range(0, MANY, 13):
        files[f"{n // 100}/t{n}.yaml"] += "    shedule: x\n"
    for n in range(0, MANY, 17):
        files[f"{n // 100}/t{n}.yaml"] += "    disabled: {}  # mkt: ignore[MKT208,MKT209]\n"
    files["twice.yaml"] = TENANT.format("t5")
    for n in (100, 600):
        files[f"{n // 100}/t{n}.yaml"] += SECRETS.format("SHARED")
    return files


@pytest.mark.parametrize("workers", [2, 3])
def test_several_processes_find_what_one_finds(
    lint: Lint, fleet: dict[str, str], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = sys.modules["mkt.lint.check"]
    monkeypatch.setattr(check, "processes", lambda: 1)
    alone = lint(fleet)
    monkeypatch.setattr(check, "processes", lambda: workers)
    assert lint(fleet) == alone
    assert {code for code, _ in codes(alone)} >= {"MKT201", "MKT206", "MKT701", "MKT702", "MKT901"}


def test_one_file_of_many_is_compared_with_all_of_them(lint: Lint, fleet: dict[str, str], tmp_path: Path) -> None:
    own = [tmp_path / "configs" / name for name in ("twice.yaml", "6/t600.yaml")]
    found = lint(fleet, *own)
    assert {(problem.code, Path(problem.position.path).name) for problem in found} >= {
        ("MKT701", "twice.yaml"),
        ("MKT702", "t600.yaml"),
    }
    assert {Path(problem.position.path) for problem in found} == set(own)


def test_a_healthy_fleet_is_read_once_and_no_place_is_looked_up(lint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    read, looked_up = list[str](), list[object]()
    examine = sys.modules["mkt.lint.examine"]
    monkeypatch.setattr(examine, "content_of", lambda path, shown: read.append(path) or content_of(path, shown))
    real = Document.position
    monkeypatch.setattr(
        Document, "position", lambda self, path, **given: looked_up.append(path) or real(self, path, **given)
    )
    assert lint({f"t{n}.yaml": TENANT.format(f"t{n}") for n in range(50)}) == []
    assert len(read) == len(set(read)) == 50
    assert set(looked_up) == {("tenant",)}


def test_a_tenant_in_very_many_files_is_told_in_few_words(lint: Lint) -> None:
    problems = lint({f"{n}/northwind.yaml": TENANT.format("northwind") for n in range(40)})
    assert len(problems) == 40
    assert all(problem.message.endswith(" and 34 more") for problem in problems)
