"""Rules of the house that close whole classes of defects."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from hanami_core.plugin_host import installed_plugins
from tests.contracts import alone

ROOT = Path(__file__).parents[2]
PACKAGES = ("hanami_core", "hanami_plugins", "hanami_server", "hanami_sdk", "hanami_cli")


def package_directory(package: str) -> Path:
    file = importlib.import_module(package).__file__
    assert file is not None
    return Path(file).parent


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        for path in sorted(package_directory(package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def module_name(path: Path) -> str:
    package = next(part for part in PACKAGES if part in path.parts)
    parts = path.with_suffix("").parts
    names = parts[len(parts) - 1 - parts[::-1].index(package) :]
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


@pytest.mark.slow
@pytest.mark.timeout(300)  # as many processes as modules; a busy machine takes its time
def test_every_module_imports_alone_without_a_warning() -> None:
    files = {module_name(path): path for path in sources(*PACKAGES) if path.name != "__main__.py"}
    command = [sys.executable, "-W", "error", "-P", alone.__file__]
    work = json.dumps(alone.groups(files))
    done = subprocess.run(command, input=work, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


def test_a_module_that_can_not_be_imported_alone_is_found() -> None:
    ways = [["hanami_core.ids"], ["hanami_core.ids", "hanami_core.no_such_module"]]
    command = [sys.executable, "-W", "error", "-P", alone.__file__]
    done = subprocess.run(command, input=json.dumps([(["json"], ways)]), capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be imported alone: hanami_core.no_such_module\n" in done.stderr
    assert "cannot be imported alone: hanami_core.ids" not in done.stderr


HEAVY = ("numba", "llvmlite", "cupy", "lark.tools")


def test_plugins_load_without_a_compute_library() -> None:
    """The api process loads all plugins, so none of them may pull in a compiler."""
    code = (
        "import sys\n"
        "from hanami_core.plugin_host import PluginHost, installed_plugins\n"
        "host = PluginHost(installed_plugins())\n"
        "assert all(p.works for p in host.plugins.values()), [(p.name, p.reason) for p in host.plugins.values()]\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_server_and_core_name_no_feature() -> None:
    names = {point.name for point in installed_plugins() if point.distribution == "hanami"}
    # Words that are also plain vocabulary of the contracts: a package "datasets" of core, a list of hosts, and so on.
    vocabulary = {"datasets", "hosts", "tasks", "users", "projects", "clusters", "checkpoints", "uploads"}
    vocabulary |= {"folders", "logs", "measurements", "metrics"}
    pattern = re.compile(r"hanami_plugins|\b(" + "|".join(sorted(names - vocabulary)) + r")\b")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sources("hanami_core", "hanami_server")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    allowed = re.compile(r'Setting\("format_csv|settings\["(database_postgres|clusters)\.')
    assert [line for line in found if not allowed.search(line)] == []


def test_server_and_core_know_no_wire() -> None:
    pattern = re.compile(r"v1.0alpha|x-auth-token|jwt", re.IGNORECASE)
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for package in ("hanami_core", "hanami_server")
        for path in package_directory(package).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@cache
def imports_of_plugins(path: Path) -> list[str]:
    """Return what a file imports from plugins, as dotted names."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hanami_plugins":
            if node.module == "hanami_plugins":
                found += (f"hanami_plugins.{alias.name}" for alias in node.names)
            else:
                found.append(str(node.module))
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names if alias.name.startswith("hanami_plugins"))
    return found


def test_plugins_use_each_other_through_faces_that_they_require() -> None:
    requires: dict[str, tuple[str, ...]] = {}
    for point in installed_plugins():
        if point.distribution == "hanami":
            requires[point.name] = tuple(getattr(point.load(), "requires", ()))
    wrong = []
    for path in sources("hanami_plugins"):
        own = module_name(path).split(".")[1:2]
        for name in imports_of_plugins(path):
            parts = name.split(".")[1:]
            if own and parts[0] != own[0] and (len(parts) > 1 or parts[0] not in requires[own[0]]):
                wrong.append(f"{module_name(path)} imports {name}")
    assert wrong == []
    unused = [
        f"{name} requires {other}"
        for name, others in requires.items()
        for other in others
        if not any(
            f"hanami_plugins.{other}" == used
            for path in sources("hanami_plugins")
            if f"hanami_plugins.{name}" in module_name(path)
            for used in imports_of_plugins(path)
        )
    ]
    assert unused == []


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_functions_and_files_stay_small() -> None:
    lengths: list[int] = []
    long_files = []
    for path in sources(*PACKAGES):
        lengths += [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions(path)]
        if len(path.read_text().splitlines()) > 500:
            long_files.append(path.name)
    assert long_files == []
    assert median(lengths) <= 9
    assert sum(length > 50 for length in lengths) <= 0.02 * len(lengths)


def test_every_function_is_typed_and_public_ones_are_documented() -> None:
    untyped, undocumented = [], []
    for path in sources(*PACKAGES):
        tree = ast.parse(path.read_text())
        if ast.get_docstring(tree) is None and path.read_text().strip():
            undocumented.append(str(path))
        for node in functions(path):
            if node.returns is None:
                untyped.append(f"{path.name}:{node.name}")
        for node in tree.body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and ast.get_docstring(node) is None:  # type: ignore[arg-type]
                undocumented.append(f"{path.name}:{node.name}")  # type: ignore[attr-defined]
    assert untyped == []
    assert undocumented == []


def test_no_plugin_host_lives_at_module_level() -> None:
    found = [
        path.name for path in sources(*PACKAGES) if re.search(r"^\w+ = (PluginHost|Runtime)\(", path.read_text(), re.M)
    ]
    assert found == []


def test_hooks_are_called_by_the_plugin_host_only() -> None:
    found = [
        path.name
        for path in sources("hanami_core", "hanami_plugins", "hanami_server")
        if re.search(r"\.hook\b", path.read_text()) and path.parent.name != "plugin_host"
    ]
    assert found == []


def test_configuration_is_read_in_one_place() -> None:
    found = [
        f"{path.parent.name}/{path.name}"
        for path in sources("hanami_core", "hanami_plugins")
        if re.search(r"os\.(environ|getenv)", path.read_text()) and path.name not in ("settings.py", "runtime.py")
    ]
    assert found == []


def test_no_pickle_anywhere() -> None:
    found = [path.name for path in sources(*PACKAGES) if re.search(r"\b(pickle|marshal|shelve)\b", path.read_text())]
    assert found == []


@pytest.mark.parametrize("package", ["hanami_sdk", "hanami_cli", "hanami_core"])
def test_all_is_sorted_and_complete(package: str) -> None:
    module = importlib.import_module(package)
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(package)
    }
    assert list(module.__all__) == sorted(module.__all__)
    assert public <= set(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def test_sdk_and_cli_start_light() -> None:
    for module, heavy in (
        ("hanami_sdk", "numpy falcon peewee numba"),
        ("hanami_cli.hanamictl", "requests rich google"),
    ):
        code = f"import sys, {module}\nprint([n for n in {heavy.split()!r} if n in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env={**os.environ}
        )
        assert done.stdout.strip() == "[]", done.stderr
