"""Run the comparisons that are named, or all of them."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import hosted, lint, scale
from bench import serve as serving
from bench.measure import BENCH, Row, alternating, mkt, partner, python, run
from bench.scale import TOKEN, configure


def start(folder: Path) -> Iterator[Row]:
    ours, peer = alternating(15, lambda: run(mkt("--version"), folder)[0], lambda: run(python("hello.py"), folder)[0])
    yield Row("start: mkt --version / a Typer hello", _ms(ours), _ms(peer), ours / peer, 1.5)


def sync(folder: Path) -> Iterator[Row]:
    with partner(100_000, 0) as url:
        configure(folder, url)

        def ours(*, anew: bool) -> float:
            if anew:
                shutil.rmtree(folder / ".mkt", ignore_errors=True)
            return run(mkt("sync", "--all", "--stream", "people", "-o", "jsonl"), folder, TOKEN)[0]

        def peer(*, anew: bool) -> float:
            if anew:
                for path in folder.glob("bare.db*"):
                    path.unlink()
            return run(python("bare_sync.py", f"{url}/workers", str(folder / "bare.db")), folder)[0]

        for name, anew in (("first load", True), ("unchanged", False)):
            one, other = alternating(5, lambda: ours(anew=anew), lambda: peer(anew=anew))  # noqa: B023
            yield Row(f"sync: 100,000 people, {name} / bare script", _s(one), _s(other), one / other, 1.5)


def verify(folder: Path) -> Iterator[Row]:
    with partner(1, 0.2) as url:
        for number in range(1000):
            text = (
                f"tenant: t{number}\nintegrations:\n  - connector: bench-one\n    settings: {{base_url: '{url}'}}\n"
            )
            (folder / "configs" / f"t{number}.yaml").write_text(text, encoding="utf-8")
        plugin = {"PYTHONPATH": str(BENCH / "plugin")}
        command = mkt("verify", "-j", "100", "-o", "jsonl")
        bare = python("bare_verify.py", url, "1000", "100")
        one, other = alternating(3, lambda: run(command, folder, plugin)[0], lambda: run(bare, folder)[0])
        yield Row("verify: 1,000 integrations, 200 ms, -j 100 / bare", _s(one), _s(other), one / other, 1.5)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"


SCENARIOS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "start": start,
    "sync": sync,
    "verify": verify,
    "memory": scale.memory,
    "dlt": scale.dlt,
    "fleet": scale.fleet,
    "due": scale.due,
    "serve": serving.serve,
    "lint": lint.lint,
    "supabase": hosted.supabase,
}


def main() -> int:
    """Return 1 where a ratio misses its target."""
    chosen = sys.argv[1:] or list(SCENARIOS)
    if unknown := set(chosen) - set(SCENARIOS):
        sys.exit(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    rows: list[Row] = []
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="mkt-bench-") as folder:
            Path(folder, "configs").mkdir()
            for row in SCENARIOS[name](Path(folder)):
                print(row, flush=True)
                rows.append(row)
    return int(not all(row.good for row in rows))


if __name__ == "__main__":
    sys.exit(main())
