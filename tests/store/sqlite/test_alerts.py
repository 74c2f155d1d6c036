"""What the question that each sync asks of the history costs."""

from pathlib import Path

from mkt.store.sqlite import SqliteStore, alerts


def test_since_when_something_fails_reads_failed_runs_only(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "mkt.db") as store, store._database.read() as connection:
        plan = [row[3] for row in connection.execute(f"explain query plan {alerts._FAILING_SINCE}")]
    (runs,) = (step for step in plan if " r " in f"{step} ")
    assert runs.startswith(
        "SEARCH r USING INDEX integration_runs_failed (tenant_id=? AND integration=? AND finished_at>?"
    )
