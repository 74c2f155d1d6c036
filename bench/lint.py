"""The config linter, all rules on, against what a team would use instead."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Row, alternating, mkt, output, peer_command, python, run

FILES = 10_000
ENTRY = """\
  - name: {name}
    connector: workday-hris
    schedule: "{minute} {hour} * * *"
    timezone: Europe/London
    settings:
      base_url: https://wd{number}-services1.workday.com
      tenant: t{tenant}_{name}
      report: isu_mkt/Learner_Roster
    secrets: {{WORKDAY_ISU_USERNAME: env:T{tenant}_{upper}, WORKDAY_ISU_PASSWORD: env:T{tenant}_{upper}_PASSWORD}}
"""
HEALTHY = """\
  - name: roster-{number}
    connector: workday-hris
    settings: {{base_url: https://wd5-services1.workday.com, tenant: large_{number}, report: isu_mkt/Roster}}
"""
WRONG = """\
  - name: roster-{number}
    connector: workday-hris
    shedule{number}: "@daily"
    settings: {{base_url: http://wd5-services1.workday.com, tenant: large_{number}, reprot: isu_mkt/Roster}}
"""
NAMES = ("roster", "warehouse", "contractors")
# Both peers check the same and find nothing: yamllint's own rules, and our schema for what settings may say.
YAMLLINT = "{extends: relaxed, rules: {line-length: {max: 118}}}"


def lint(folder: Path) -> Iterator[Row]:
    """10,000 files of 30 lines and 3 integrations; one file; ten times as many, ten times as large."""
    _fleet(folder, FILES)
    schema = folder / "schema.json"
    schema.write_text(output(mkt("config", "schema"), folder), encoding="utf-8")
    files = [f"configs/t{number}.yaml" for number in range(FILES)]
    peers = (
        ("check-jsonschema", peer_command("check-jsonschema", "--schemafile", str(schema), *files), 15),
        ("yamllint", peer_command("yamllint", "-d", YAMLLINT, "configs"), 20),
    )
    for name, command, target in peers:
        ours, peer = alternating(3, lambda: _thrice(folder), lambda: run(command, folder)[0])  # noqa: B023
        row = f"lint: {FILES:,} files / {name}"
        yield Row(row, f"{ours:.2f} s", f"{peer:.2f} s", peer / ours, target, at_least=True)
    yield from _growing(folder)
    _fleet(folder / "one", 1)
    yield _one_file(folder / "one")


def _thrice(folder: Path) -> float:
    """Return the median: the first after a peer's long run finds the machine's caches cold."""
    return statistics.median(run(mkt("lint"), folder)[0] for _ in range(3))


def _one_file(folder: Path) -> Row:
    ours, peer = alternating(15, lambda: run(mkt("lint"), folder)[0], lambda: run(python("hello.py"), folder)[0])
    name = "lint: one file / a Typer hello"
    return Row(name, f"{ours * 1000:.0f} ms", f"{peer * 1000:.0f} ms", ours / peer, 2.2)


def _growing(folder: Path) -> Iterator[Row]:
    """Compare with a tenth: of the files, and of one file's size."""
    few = folder / "few"
    _fleet(few, FILES // 10)
    (long, much), (short, little) = _median(folder), _median(few)
    yield Row("lint: time of 10,000 / 1,000 files", f"{long:.2f} s", f"{short:.2f} s", long / short, 10)
    yield Row("lint: memory of 10,000 / 1,000 files", f"{much} MiB", f"{little} MiB", much / little, 1.2)
    for name, entry in (("healthy", HEALTHY), ("all wrong", WRONG)):
        long, short = (_of_one_file(folder / f"{name}-{count}", entry, count) for count in (5000, 500))
        row = f"lint: time of a file of 5,000 / 500 integrations, {name}"
        yield Row(row, f"{long:.2f} s", f"{short:.2f} s", long / short, 10)


def _median(folder: Path) -> tuple[float, int]:
    """Return seconds and MiB."""
    runs = [run(mkt("lint", "--exit-zero", "-o", "jsonl"), folder) for _ in range(3)]
    return statistics.median(seconds for seconds, _ in runs), max(peak for _, peak in runs) // 1024


def _of_one_file(folder: Path, entry: str, count: int) -> float:
    entries = "".join(entry.format(number=number) for number in range(count))
    _project(folder, {"large": f"tenant: large\nintegrations:\n{entries}"})
    return _median(folder)[0]


def _fleet(folder: Path, count: int) -> None:
    _project(folder, {f"t{number}": _tenant(number) for number in range(count)})


def _tenant(number: int) -> str:
    entries = (
        ENTRY.format(
            name=name,
            upper=name.upper(),
            tenant=number,
            number=number % 5 + 1,
            minute=number * 7 % 60,
            hour=number % 24,
        )
        for name in NAMES
    )
    return f"tenant: t{number}\nlabels: {{region: emea, owner: team-hr}}\nintegrations:\n{''.join(entries)}"


def _project(folder: Path, files: dict[str, str]) -> None:
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "mkt.toml").touch()
    for name, text in files.items():
        (folder / "configs" / f"{name}.yaml").write_text(text, encoding="utf-8")
