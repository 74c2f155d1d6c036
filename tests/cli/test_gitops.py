"""`mkt config pull`, `push` and `diff` against a real Supabase, by the front door."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.cli.front import Mkt, Project
from tests.cli.process import MKT, SECONDS
from tests.supalocal.stack import LocalSupabase

NORTHWIND = """\
tenant: northwind
labels: {region: emea}
integrations:
  # the HR system
  - name: roster
    connector: workday-hris   # theirs
    schedule: "15 2 * * *"
    settings:
      base_url: https://wd5-services1.workday.com   # since May
      tenant: northwind_dpt1
      report: isu_mkt/Learner_Roster
    secrets:
      WORKDAY_ISU_USERNAME: supabase:roster/USER
      WORKDAY_ISU_PASSWORD: supabase:roster/PASSWORD
"""
ACME = NORTHWIND.replace("northwind", "acme")
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def files(project: Project, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two tenants' files, and an empty table."""
    for name, value in supabase.environment.items():
        monkeypatch.setenv(name, value)
    write(project, "northwind", NORTHWIND)
    write(project, "acme", ACME)
    return project


@pytest.fixture
def pushed(files: Project, mkt: Mkt) -> Project:
    """The same, with the rows that say what the files say."""
    answer = mkt("config", "push")
    assert answer.code == 0, answer.err
    return files


@pytest.fixture
def sql(supabase: LocalSupabase) -> Sql:
    return supabase.sql


def write(project: Project, tenant: str, text: str) -> None:
    (project.root / "configs" / f"{tenant}.yaml").write_text(text)


def text_of(project: Project, tenant: str = "northwind") -> str:
    return (project.root / "configs" / f"{tenant}.yaml").read_text()


def rows(sql: Sql) -> dict[str, Any]:
    found = sql("select tenant_id || '/' || name, to_jsonb(i) - 'updated_at' from public.integrations i order by 1")
    return dict(found)


def admin_disables(sql: Sql, tenant: str = "northwind") -> None:
    sql('update public.integrations set disabled = \'{"reason": "merger"}\' where tenant_id = %s', tenant)


def test_a_first_push_makes_the_rows_of_the_files(files: Project, mkt: Mkt, sql: Sql) -> None:
    answer = mkt("config", "push")
    assert answer.code == 0, answer.err
    assert "create northwind/roster (configs/northwind.yaml:5)" in answer.out
    assert "2 integrations pushed\nnext: mkt verify --source supabase\n" in answer.out
    row = rows(sql)["northwind/roster"]
    assert row["settings"]["base_url"] == "https://wd5-services1.workday.com"
    assert (row["labels"], row["schedule"], row["enabled"]) == ({"region": "emea"}, "15 2 * * *", True)
    yaml, supabase = (mkt("config", "show", "northwind/roster", "--source", each, "-o", "json") for each in SOURCES)
    in_file, in_row = ({v["key"]: v["value"] for v in shown.document["values"]} for shown in (yaml, supabase))
    assert in_file == in_row
    assert files.root


SOURCES = ("yaml", "supabase")


@pytest.mark.usefixtures("pushed")
def test_a_second_push_finds_nothing_to_do(mkt: Mkt, sql: Sql) -> None:
    before = rows(sql)
    answer = mkt("config", "push")
    assert (answer.code, answer.out) == (0, "2 the same\nnothing to push\n")
    assert rows(sql) == before
    assert mkt("config", "diff", "--exit-code").code == 0


def test_a_changed_setting_is_shown_and_pushed(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    write(pushed, "northwind", NORTHWIND.replace("isu_mkt/Learner_Roster", "isu_mkt/Everybody"))
    before = rows(sql)
    planned = mkt("config", "push", "--dry-run", "--exit-code")
    assert planned.code == 1
    assert "  settings.report: isu_mkt/Learner_Roster -> isu_mkt/Everybody\n" in planned.out
    assert rows(sql) == before
    assert mkt("config", "push").code == 0
    assert rows(sql)["northwind/roster"]["settings"]["report"] == "isu_mkt/Everybody"
    assert rows(sql)["acme/roster"] == before["acme/roster"]


@pytest.mark.usefixtures("pushed")
def test_a_change_in_supabase_is_pulled_and_comments_stay(mkt: Mkt, sql: Sql, pushed: Project) -> None:
    sql("update public.integrations set schedule = '@hourly' where tenant_id = 'northwind'")
    answer = mkt("config", "pull")
    assert answer.code == 0, answer.err
    assert "  schedule: 15 2 * * * -> @hourly\n" in answer.out
    assert "1 integration pulled\nnext: mkt lint\n" in answer.out
    assert text_of(pushed) == NORTHWIND.replace('"15 2 * * *"', '"@hourly"')
    assert text_of(pushed, "acme") == ACME
    assert mkt("config", "diff", "--exit-code").code == 0


def test_a_push_leaves_what_was_changed_in_supabase_alone(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    sql("update public.integrations set schedule = '@hourly' where tenant_id = 'northwind'")
    before = rows(sql)
    answer = mkt("config", "push")
    assert answer.code == 0
    assert "stays northwind/roster" in answer.out
    assert "changed in Supabase" in answer.out
    assert "-> `mkt config pull northwind` takes it into the file." in answer.out
    assert rows(sql) == before
    assert text_of(pushed) == NORTHWIND


def test_a_change_on_both_sides_is_refused_with_both_shown(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    sql("update public.integrations set schedule = '@hourly' where tenant_id = 'northwind'")
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    write(pushed, "acme", ACME.replace("15 2", "45 3"))
    before, texts = rows(sql), text_of(pushed)
    for command in ("push", "pull"):
        answer = mkt("config", command)
        assert answer.code == 1
        assert "  schedule: file 45 3 * * * | Supabase @hourly\n" in answer.out
        assert (
            f"1 refused; nothing was {command}ed. northwind/roster: changed in the file and changed in" in answer.err
        )
        assert "`mkt config pull northwind --theirs`" in answer.err
        assert "`mkt config push northwind --ours`" in answer.err
    assert rows(sql) == before
    assert text_of(pushed) == texts


def test_a_conflict_is_decided_for_either_side(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    for command, decision, expected in (("push", "--ours", "45 3 * * *"), ("pull", "--theirs", "@hourly")):
        sql("update public.integrations set schedule = '@hourly' where tenant_id = 'northwind'")
        write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3").replace("isu_mkt/", f"{command}/"))
        answer = mkt("config", command, "northwind", decision)
        assert answer.code == 0, answer.err
        assert "over what was changed in" in answer.out
        assert rows(sql)["northwind/roster"]["schedule"] == expected
        assert expected in text_of(pushed)


def test_a_push_does_not_end_an_admins_disable_unless_it_is_said(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    admin_disables(sql)
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    refused = mkt("config", "push", "--ours")
    assert refused.code == 1
    assert "northwind/roster: it was disabled in Supabase, and the file would enable it" in refused.err
    assert "  disabled.reason: file - | Supabase merger\n" in refused.out
    assert rows(sql)["northwind/roster"]["disabled"] == {"reason": "merger"}
    said = mkt("config", "push", "--ours", "--enable")
    assert said.code == 0
    assert "enables what was disabled in Supabase" in said.out
    assert rows(sql)["northwind/roster"]["disabled"] is None


def test_a_disable_that_was_pulled_stays_until_somebody_enables(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    admin_disables(sql)
    assert mkt("config", "pull").code == 0
    assert "    disabled: {reason: merger}\n" in text_of(pushed)
    write(pushed, "northwind", NORTHWIND)
    assert mkt("config", "push").code == 1
    assert mkt("config", "push", "--enable").code == 0
    assert rows(sql)["northwind/roster"]["disabled"] is None


def test_a_disable_that_was_pulled_is_kept_by_what_is_said(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    admin_disables(sql)
    assert mkt("config", "pull").code == 0
    write(pushed, "northwind", NORTHWIND)
    assert "`mkt disable northwind/roster --source yaml` keeps it disabled." in mkt("config", "push").err
    assert mkt("disable", "northwind/roster", "--source", "yaml", "--reason", "merger").code == 0
    assert mkt("config", "push").code == 0
    assert rows(sql)["northwind/roster"]["disabled"] == {"reason": "merger"}


def test_our_own_disable_is_ours_to_end(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    mkt("disable", "northwind/roster", "--reason", "ours")
    assert mkt("config", "push").code == 0
    assert rows(sql)["northwind/roster"]["disabled"] == {"reason": "ours"}
    mkt("enable", "northwind/roster")
    assert mkt("config", "push").code == 0
    assert rows(sql)["northwind/roster"]["disabled"] is None
    assert text_of(pushed) == NORTHWIND


def test_what_the_files_have_no_more_is_removed_only_on_demand(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    (pushed.root / "configs" / "acme.yaml").unlink()
    kept = mkt("config", "push")
    assert kept.code == 0
    assert "stays acme/roster" in kept.out
    assert "--delete removes it from Supabase." in kept.out
    assert set(rows(sql)) == {"acme/roster", "northwind/roster"}
    gone = mkt("config", "push", "--delete")
    assert "delete acme/roster" in gone.out
    assert set(rows(sql)) == {"northwind/roster"}


def test_a_row_that_an_admin_added_is_pulled_and_never_deleted_by_a_push(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    sql(
        "insert into public.integrations (tenant_id, name, connector, labels, settings) values"
        " ('northwind', 'second', 'lti-1p3-deeplink', '{\"region\": \"emea\"}', '{\"platform\": \"canvas\"}'),"
        " ('newcomer', 'lti', 'lti-1p3-deeplink', '{}', '{\"platform\": \"moodle\"}')"
    )
    assert mkt("config", "push", "--delete").code == 0
    assert set(rows(sql)) == {"acme/roster", "newcomer/lti", "northwind/roster", "northwind/second"}
    answer = mkt("config", "pull")
    assert answer.code == 0, answer.err
    assert text_of(pushed) == NORTHWIND + (
        "  - name: second\n    connector: lti-1p3-deeplink\n    settings:\n      platform: canvas\n"
    )
    assert "tenant: newcomer\nintegrations:\n  - name: lti\n" in text_of(pushed, "newcomer")
    assert mkt("config", "diff", "--exit-code").code == 0


def test_what_an_admin_removed_leaves_the_file_only_on_demand(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    sql("delete from public.integrations where tenant_id = 'northwind'")
    pushing = mkt("config", "push")
    assert "removed in Supabase" in pushing.out
    assert set(rows(sql)) == {"acme/roster"}
    assert mkt("config", "pull").code == 0
    assert text_of(pushed) == NORTHWIND
    assert mkt("config", "pull", "--delete").code == 0
    assert "roster" not in text_of(pushed)


def test_a_file_with_an_error_is_not_pushed(files: Project, mkt: Mkt, sql: Sql) -> None:
    write(files, "northwind", NORTHWIND.replace("base_url: https", "base_url: http"))
    answer = mkt("config", "push")
    assert answer.code == 1
    assert "lint finds an error; nothing was pushed. configs/northwind.yaml:9:17: MKT" in answer.err
    assert rows(sql) == {}
    assert mkt("config", "push", "acme").code == 0


def test_a_reference_that_a_row_may_not_name_is_not_pushed(files: Project, mkt: Mkt, sql: Sql) -> None:
    write(files, "northwind", NORTHWIND.replace("supabase:roster/USER", "env:ISU_USER"))
    answer = mkt("config", "push")
    assert answer.code == 1
    assert "names env:ISU_USER, but a row from Supabase may name supabase: references only" in answer.err
    assert rows(sql) == {}
    (files.root / "mkt.toml").write_text('[secrets]\nallow = ["env:ISU_*"]\n')
    assert mkt("config", "push").code == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ('secrets = \'{"WORKDAY_ISU_PASSWORD": "env:DATABASE_URL"}\'', "names env:DATABASE_URL, but a row"),
        ('secrets = \'{"WORKDAY_ISU_PASSWORD": "file:/etc/shadow"}\'', "names file:/etc/shadow, but a row"),
        ('settings = \'{"base_url": "https://169.254.169.254/x"}\'', "names 169.254.169.254, a loopback or private"),
        ('settings = \'{"base_url": ["https://[::1]:8/x"]}\'', "names ::1, a loopback or private address"),
        ("guard = '{\"max_delete_percent\": 900}'", "max_delete_percent"),
    ],
)
def test_what_a_tenants_admin_wrote_does_not_become_the_operators_word(
    pushed: Project, mkt: Mkt, sql: Sql, change: str, why: str
) -> None:
    sql(f"update public.integrations set {change} where tenant_id = 'northwind'")  # noqa: S608 - from the list above
    answer = mkt("config", "pull")
    assert answer.code == 1
    assert why in answer.err
    assert "integrations row" in answer.err
    assert text_of(pushed) == NORTHWIND


def test_a_value_in_a_row_is_shown_by_its_fingerprint_alone(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    value, token = "hunter2-hunter2", "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
    settings = json.dumps({"note": token})
    update = "update public.integrations set secrets = %s, settings = %s where tenant_id = 'northwind'"
    sql(update, json.dumps({"WORKDAY_ISU_PASSWORD": value}), settings)
    for command in (("diff",), ("pull",), ("push", "--ours", "--dry-run"), ("diff", "-o", "json")):
        answer = mkt("config", *command)
        assert value not in answer.out + answer.err
        assert token not in answer.out + answer.err
        assert "fingerprint" in answer.out
    assert value not in text_of(pushed)


@pytest.mark.parametrize(
    ("column", "key", "value"),
    [
        ("secrets", "WORKDAY_ISU_PASSWORD", "hunter:second-half"),
        ("secrets", "WORKDAY_ISU_PASSWORD", "env:ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"),
        ("settings", "password", "hunter2"),
        ("settings", "auth", {"client_secret": "hunter2"}),
        ("settings", "all", [{"api_key": "hunter2"}]),
    ],
)
@pytest.mark.usefixtures("pushed")
def test_a_value_is_not_shown_wherever_an_admin_wrote_it(
    mkt: Mkt, sql: Sql, column: str, key: str, value: Any
) -> None:
    sql(f"update public.integrations set {column} = %s", json.dumps({key: value}))  # noqa: S608 - from the list above
    for output in ("table", "json"):
        answer = mkt("config", "diff", "-o", output)
        assert "hunter" not in answer.out
        assert "ghp_" not in answer.out
        assert "fingerprint" in answer.out


@pytest.mark.usefixtures("pushed")
def test_a_value_of_several_lines_cannot_pass_for_the_plan(mkt: Mkt, sql: Sql) -> None:
    sql("update public.integrations set timezone = %s", "UTC\n0 different, 2 the same")
    assert "\n0 different" not in mkt("config", "diff").out


def test_a_broken_file_that_does_not_say_whose_it_is_is_not_taken_for_a_removed_one(
    pushed: Project, mkt: Mkt, sql: Sql
) -> None:
    (pushed.root / "configs" / "northwind.yaml").unlink()
    write(pushed, "north-america", NORTHWIND + "  oops")
    before = rows(sql)
    for command in (("push", "--delete"), ("pull",), ("diff",)):
        answer = mkt("config", *command, "northwind")
        assert answer.code == 1
        assert "configs/north-america.yaml" in answer.err
    assert rows(sql) == before
    assert mkt("config", "push", "acme").code == 0


def test_deleting_what_an_admin_has_changed_says_so(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    (pushed.root / "configs" / "northwind.yaml").unlink()
    admin_disables(sql)
    assert mkt("config", "push", "--delete").code == 1
    answer = mkt("config", "push", "--delete", "--ours")
    assert answer.code == 0
    assert "removed in the file and changed in Supabase" in answer.out
    assert set(rows(sql)) == {"acme/roster"}


def test_a_row_that_no_file_can_say_is_refused(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    settings = json.dumps({"k" * 2000: 1})
    for tenant, connector in (("northwind", "workday-hris"), ("new", "scim-hris")):
        sql("delete from public.integrations where tenant_id = %s", tenant)
        columns = "tenant_id, name, connector, settings"
        insert = f"insert into public.integrations ({columns}) values (%s, 'roster', %s, %s)"  # noqa: S608 - a constant
        sql(insert, tenant, connector, settings)
        answer = mkt("config", "pull", tenant, "--theirs")
        assert (answer.code, "what no file can" in answer.err) == (1, True), answer.err
    assert text_of(pushed) == NORTHWIND
    assert not (pushed.root / "configs" / "new.yaml").exists()


def test_another_checkout_that_knows_nothing_may_push_over_what_was_pushed(
    pushed: Project, mkt: Mkt, sql: Sql
) -> None:
    (pushed.root / ".mkt" / "supabase.json").unlink()
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    assert mkt("config", "push").code == 0
    assert rows(sql)["northwind/roster"]["schedule"] == "45 3 * * *"


def test_another_checkout_that_knows_nothing_does_not_push_over_an_admins_change(
    pushed: Project, mkt: Mkt, sql: Sql
) -> None:
    (pushed.root / ".mkt" / "supabase.json").unlink()
    sql("update public.integrations set schedule = '@hourly' where tenant_id = 'northwind'")
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    answer = mkt("config", "push")
    assert answer.code == 1
    assert "changed in the file and changed in Supabase" in answer.err


def test_an_admins_change_is_pulled_where_ci_has_pushed_since(
    pushed: Project, mkt: Mkt, sql: Sql, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ci = tmp_path_factory.mktemp("ci")
    (ci / "configs").mkdir()
    monkeypatch.chdir(ci)
    write(Project(ci), "northwind", NORTHWIND.replace("15 2", "45 3"))
    assert mkt("config", "push", "northwind").code == 0
    sql("update public.integrations set timezone = 'Asia/Tokyo' where tenant_id = 'northwind'")
    monkeypatch.chdir(pushed.root)
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    answer = mkt("config", "pull")
    assert answer.code == 0, answer.err
    assert "    timezone: Asia/Tokyo\n" in text_of(pushed)


def test_a_checkout_that_is_behind_another_ones_push_is_refused(
    pushed: Project, mkt: Mkt, sql: Sql, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "mkt.toml").touch()
    (other / "configs").mkdir()
    monkeypatch.chdir(other)
    assert mkt("config", "pull").code == 0
    write(Project(other), "northwind", NORTHWIND.replace("15 2", "45 3"))
    assert mkt("config", "push").code == 0
    monkeypatch.chdir(pushed.root)
    write(pushed, "northwind", NORTHWIND.replace("15 2", "30 5"))
    answer = mkt("config", "push")
    assert answer.code == 1
    assert "  schedule: file 30 5 * * * | Supabase 45 3 * * *\n" in answer.out
    assert rows(sql)["northwind/roster"]["schedule"] == "45 3 * * *"


def test_a_row_that_changes_between_plan_and_write_is_not_written_over(
    pushed: Project, mkt: Mkt, sql: Sql, supabase: LocalSupabase
) -> None:
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    write(pushed, "acme", ACME.replace("15 2", "45 3"))
    supabase.sql(
        "create function pg_temp.x() returns int language sql as 'select 1';"
        "create function public.raced() returns trigger language plpgsql as $$ begin"
        " if new.tenant_id = 'acme' then update public.integrations set timezone = 'Asia/Tokyo'"
        " where tenant_id = 'northwind'; end if; return null; end $$;"
        "create trigger raced after update on public.integrations for each row execute function public.raced()"
    )
    try:
        answer = mkt("config", "push")
    finally:
        supabase.sql("drop trigger raced on public.integrations; drop function public.raced()")
    assert answer.code == 1
    assert "northwind/roster was changed in Supabase meanwhile; 1 of 2 were pushed" in answer.err
    assert rows(sql)["northwind/roster"]["timezone"] == "Asia/Tokyo"
    assert rows(sql)["northwind/roster"]["schedule"] == "15 2 * * *"
    assert rows(sql)["acme/roster"]["schedule"] == "45 3 * * *"


def quiet(supabase: LocalSupabase) -> None:
    """Wait for the statements of who is gone."""
    busy = "select 1 from pg_stat_activity where state = 'active' and query ilike '%%integrations%%' and pid <> %s"
    with psycopg.connect(supabase.dsn, autocommit=True) as looking:
        while looking.execute(busy, [looking.info.backend_pid]).fetchone():
            looking.execute("select pg_sleep(0.02)")


def test_a_push_that_was_killed_on_its_way_is_pushed_again(
    pushed: Project, mkt: Mkt, supabase: LocalSupabase
) -> None:
    for tenant, text in (("northwind", NORTHWIND), ("acme", ACME)):
        write(pushed, tenant, text.replace("15 2", "45 3"))
    with psycopg.connect(supabase.dsn) as held:
        held.execute("select 1 from public.integrations where tenant_id = 'northwind' for update")
        push = subprocess.Popen([*MKT, "config", "push"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with psycopg.connect(supabase.dsn, autocommit=True) as looking:
            waits = "select count(*) from pg_locks where not granted"
            for _ in range(SECONDS * 50):
                if looking.execute(waits).fetchone() != (0,):
                    break
                looking.execute("select pg_sleep(0.02)")
        push.send_signal(signal.SIGKILL)
        push.wait(SECONDS)
    quiet(supabase)
    for tenant, text in (("northwind", NORTHWIND), ("acme", ACME)):
        write(pushed, tenant, text.replace("15 2", "50 4"))
    answer = mkt("config", "push")
    assert answer.code == 0, answer.err
    assert {row["schedule"] for row in rows(supabase.sql).values()} == {"50 4 * * *"}
    assert Path(".mkt/supabase.json").exists()


def test_one_tenant_is_pushed_and_pulled_alone(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    for tenant, text in (("northwind", NORTHWIND), ("acme", ACME)):
        write(pushed, tenant, text.replace("15 2", "45 3"))
    assert mkt("config", "push", "northwind").code == 0
    assert rows(sql)["acme/roster"]["schedule"] == "15 2 * * *"
    sql("update public.integrations set schedule = '@hourly'")
    assert mkt("config", "pull", "northwind").code == 0
    assert "@hourly" not in text_of(pushed, "acme")
    wrong = mkt("config", "push", "northwin")
    assert wrong.code == 1
    assert "Did you mean northwind?" in wrong.err


def test_different_labels_in_the_rows_of_one_tenant_are_refused(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    sql(
        "insert into public.integrations (tenant_id, name, connector, labels, settings) values"
        " ('northwind', 'second', 'lti-1p3-deeplink', '{\"region\": \"apac\"}', '{\"platform\": \"canvas\"}')"
    )
    answer = mkt("config", "pull")
    assert answer.code == 1
    assert "the rows of northwind have different labels, and a file has one set of them" in answer.err
    assert text_of(pushed) == NORTHWIND


def test_an_added_row_that_says_no_labels_gets_the_tenants(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    sql(
        "insert into public.integrations (tenant_id, name, connector, settings) values"
        " ('northwind', 'second', 'lti-1p3-deeplink', '{\"platform\": \"canvas\"}')"
    )
    answer = mkt("config", "pull")
    assert answer.code == 0, answer.err
    assert text_of(pushed).startswith(NORTHWIND)
    assert "labels.region: - -> emea" in mkt("config", "push").out
    assert rows(sql)["northwind/second"]["labels"] == {"region": "emea"}
    assert mkt("config", "diff", "--exit-code").code == 0


def test_an_added_row_with_other_labels_than_a_file_that_was_never_pushed_is_refused(
    files: Project, mkt: Mkt, sql: Sql
) -> None:
    sql(
        "insert into public.integrations (tenant_id, name, connector, labels, settings) values"
        " ('northwind', 'second', 'lti-1p3-deeplink', '{\"region\": \"apac\"}', '{\"platform\": \"canvas\"}')"
    )
    refused = mkt("config", "pull")
    assert refused.code == 1
    assert "added in Supabase to northwind has other labels than configs/northwind.yaml" in refused.err
    assert "the column labels in Supabase, or `labels:` in configs/northwind.yaml" in refused.err
    assert text_of(files) == NORTHWIND
    edited = NORTHWIND.replace("region: emea", "region: apac")
    write(files, "northwind", edited)
    assert mkt("config", "pull").code == 0
    assert text_of(files).startswith(edited)
    assert mkt("config", "push").code == 0
    assert rows(sql)["northwind/second"]["labels"] == {"region": "apac"}


def test_labels_that_were_changed_in_the_file_stay_when_a_row_is_added(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    edited = NORTHWIND.replace("region: emea", "region: apac")
    write(pushed, "northwind", edited)
    sql(
        "insert into public.integrations (tenant_id, name, connector, labels, settings) values"
        " ('northwind', 'second', 'lti-1p3-deeplink', '{\"region\": \"emea\"}', '{\"platform\": \"canvas\"}')"
    )
    assert mkt("config", "pull").code == 0
    assert text_of(pushed).startswith(edited)


@pytest.mark.usefixtures("pushed")
def test_what_was_removed_in_supabase_can_be_added_again(mkt: Mkt, sql: Sql) -> None:
    before = rows(sql)["northwind/roster"]
    sql("delete from public.integrations where tenant_id = 'northwind'")
    left = mkt("config", "push")
    assert "`mkt config push northwind --ours` adds it to Supabase again." in left.out
    again = mkt("config", "push", "northwind", "--ours")
    assert "again: it was removed in Supabase" in again.out
    assert rows(sql)["northwind/roster"]["settings"] == before["settings"]


def test_a_pull_touches_no_file_where_one_stands_in_anothers_place(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    (pushed.root / "configs" / "northwind.yaml").rename(pushed.root / "configs" / "newcomer.yaml")
    sql("update public.integrations set schedule = '@daily' where tenant_id = 'acme'")
    sql(
        "insert into public.integrations (tenant_id, name, connector, settings) values"
        " ('newcomer', 'lti', 'lti-1p3-deeplink', '{\"platform\": \"moodle\"}')"
    )
    answer = mkt("config", "pull")
    assert answer.code == 1
    assert "configs/newcomer.yaml, where the file of tenant newcomer belongs, is another one's" in answer.err
    assert text_of(pushed, "acme") == ACME


def test_the_plan_for_machines_names_both_sides_and_what_was_done(pushed: Project, mkt: Mkt) -> None:
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    planned, done = (mkt("config", "push", "-o", "json", *more).document for more in (["--dry-run"], []))
    assert [each["done"] for each in planned + done] == [False, True]
    assert done[0]["action"] == "update"
    assert done[0]["differences"] == [{"key": "schedule", "file": "45 3 * * *", "supabase": "15 2 * * *"}]


def test_every_change_is_an_event(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    sql("update public.integrations set schedule = '@hourly' where tenant_id = 'northwind'")
    mkt("config", "pull")
    found = [each["details"] for each in mkt("events", "-o", "json").document]
    assert sorted((each["what"], each["target"], each["reason"]) for each in found) == [
        ("pull", "northwind/roster", "update"),
        ("push", "acme/roster", "create"),
        ("push", "northwind/roster", "create"),
    ]
    assert pushed.root


def test_without_access_it_is_said_what_is_lacking(project: Project, mkt: Mkt) -> None:
    write(project, "northwind", NORTHWIND)
    answer = mkt("config", "diff")
    assert answer.code == 2
    assert "SUPABASE_URL is not set" in answer.err


def test_a_new_project_is_filled_from_the_rows(
    pushed: Project, mkt: Mkt, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    (empty / "mkt.toml").touch()
    monkeypatch.chdir(empty)
    answer = mkt("config", "pull")
    assert answer.code == 0, answer.err
    for tenant in ("northwind", "acme"):
        assert f"tenant: {tenant}\nlabels: {{region: emea}}\nintegrations:\n" in text_of(Project(empty), tenant)
    assert mkt("config", "diff", "--exit-code").code == 0
    assert mkt("lint").code == 0
    assert pushed.root


def test_a_push_from_the_wrong_folder_deletes_nothing(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    (pushed.root / "others").mkdir()
    answer = mkt("config", "push", "--delete", "--config-dir", "others")
    assert answer.code == 2
    assert "others has no file that ends in .yaml" in answer.err
    assert len(rows(sql)) == 2


def test_what_the_table_does_not_take_names_the_integration_and_what_was_done(
    files: Project, mkt: Mkt, sql: Sql
) -> None:
    parameters = json.dumps({f"p{number}": "x" * 1000 for number in range(200)})
    write(files, "northwind", NORTHWIND.replace("      report:", f"      params: {parameters}\n      report:"))
    answer = mkt("config", "push", "-o", "json")
    assert answer.code == 1
    assert "northwind/roster was not pushed, 1 of 2 were pushed: " in answer.err
    assert "integrations_size" in answer.err
    assert set(rows(sql)) == {"acme/roster"}
    write(files, "northwind", NORTHWIND)
    assert mkt("config", "push").code == 0


def test_exit_code_tells_whether_a_difference_is_left(pushed: Project, mkt: Mkt, sql: Sql) -> None:
    write(pushed, "northwind", NORTHWIND.replace("15 2", "45 3"))
    assert mkt("config", "diff", "--exit-code").code == 1
    assert mkt("config", "push", "--exit-code").code == 0
    sql("update public.integrations set schedule = '@hourly' where tenant_id = 'northwind'")
    assert mkt("config", "push", "--exit-code").code == 1


def test_every_change_names_one_tenant_and_the_version_that_was_read(
    files: Project, mkt: Mkt, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str, str]] = []
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        sent.append((request.method, str(request.url), request.content.decode()))
        return send(self, request, **more)

    monkeypatch.setattr(httpx.Client, "send", recorded)
    assert mkt("config", "push", "northwind").code == 0
    write(files, "northwind", NORTHWIND.replace("15 2", "45 3"))
    assert mkt("config", "push", "northwind").code == 0
    write(files, "northwind", "tenant: northwind\n")
    assert mkt("config", "push", "northwind", "--delete").code == 0
    assert [method for method, _, _ in sent] == ["GET", "POST", "GET", "PATCH", "GET", "DELETE"]
    for method, url, body in sent:
        assert "tenant_id=eq.northwind" in url if method != "POST" else '"tenant_id":"northwind"' in body
        assert "revision=eq." in url if method in ("PATCH", "DELETE") else True
