"""The house of DESIGN section 7 that import-linter cannot see: budgets, and what only a connector's tests may do."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "mkt"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if not path.name.startswith("test_"))
CONNECTOR_FILES = sorted((SOURCE / "connectors").rglob("*.py"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def imported(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_function_is_over_60_lines_and_half_of_them_are_at_most_8() -> None:
    sizes = {f"{path.name}:{f.name}": lines(f) for path in MODULES for f in functions(read(path))}
    assert {name: size for name, size in sizes.items() if size > 60} == {}
    assert statistics.median(sizes.values()) <= 8


def test_no_file_is_over_400_lines_and_half_of_them_are_at_most_100() -> None:
    sizes = {str(path.relative_to(SOURCE)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > 400} == {}
    assert statistics.median(sizes.values()) <= 100


def test_broad_excepts_stand_at_the_error_boundary_and_the_isolation_points_only() -> None:
    allowed = {"cli/app.py", "engine/isolation.py", "telemetry/base.py", "registry.py"}
    broad = {
        str(path.relative_to(SOURCE))
        for path in MODULES
        for node in ast.walk(read(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)  # it only cleans up
    }
    assert broad <= allowed


@pytest.mark.parametrize("path", CONNECTOR_FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_a_connectors_tests_import_the_testing_suite(path: Path) -> None:
    names = {name for name in imported(read(path)) if name.startswith("mkt.testing")}
    assert not names or path.name.startswith("test_")


@pytest.mark.parametrize("path", CONNECTOR_FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_simulators_and_tests_import_the_simulation(path: Path) -> None:
    names = {name for name in imported(read(path)) if name.startswith("mkt.simulation")}
    assert not names or path.name == "simulator.py" or path.name.startswith("test_")


@pytest.mark.parametrize("path", CONNECTOR_FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_connector_prints_nothing_and_reads_no_environment(path: Path) -> None:
    calls = {ast.unparse(node.func) for node in ast.walk(read(path)) if isinstance(node, ast.Call)}
    attributes = {ast.unparse(node) for node in ast.walk(read(path)) if isinstance(node, ast.Attribute)}
    assert not calls & {"print", "os.getenv"} or path.name.startswith("test_")
    assert "os.environ" not in attributes or path.name.startswith("test_")
