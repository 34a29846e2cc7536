"""The package as a whole: names, imports, documentation, size."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pickle
import pkgutil
import statistics
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import hanami_sdk
from hanami_sdk import hanami_exceptions

ROOT = Path(hanami_sdk.__file__).parent
MODULES = sorted(m.name.removeprefix("hanami_sdk.") for m in pkgutil.walk_packages([str(ROOT)], "hanami_sdk."))
PUBLIC = [name for name in MODULES if not name.rpartition(".")[2].startswith("_")]
WITH_NUMPY = ("_counted", "_features", "sklearn")
"""Modules that are imported on demand, by those who have scikit-learn."""


def run(program: str) -> str:
    """Run a program in a fresh interpreter that sees this package."""
    environment = os.environ | {"PYTHONPATH": str(ROOT.parent)}
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, check=True, env=environment, timeout=60, capture_output=True, text=True).stdout


def public_names(module: ModuleType) -> list[str]:
    """Return what a module defines or re-exports on purpose."""
    names = [name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)]
    return sorted(name for name in names if name not in ("annotations", "Any", "TYPE_CHECKING"))


def test_all_is_sorted_and_complete() -> None:
    assert hanami_sdk.__all__ == sorted(hanami_sdk.__all__)
    assert set(hanami_sdk.__all__) == {*public_names(hanami_sdk), "__version__"}


@pytest.mark.parametrize("name", PUBLIC)
def test_all_of_each_module(name: str) -> None:
    module = importlib.import_module(f"hanami_sdk.{name}")
    assert module.__all__ == sorted(module.__all__)
    own = [name for name in public_names(module) if getattr(getattr(module, name), "__module__", "") == module.__name__]
    assert set(own) <= set(module.__all__)
    for public in module.__all__:
        assert getattr(module, public).__doc__


def test_modules_of_the_released_sdk_and_of_its_manual() -> None:
    expected = "checkpoint cluster dataset direct_io hanami_exceptions hanami_request hanami_token hosts logs"
    new = {"aio", "folder", "folder_sharing", "keypair", "measurements", "names", "quota", "sklearn", "v04"}
    top = {name for name in PUBLIC if "." not in name}
    assert {*expected.split(), "project", "request_result", "task", "user"} == top - new


def test_imports_nothing_heavy() -> None:
    heavy = "numpy falcon peewee numba requests websocket google urllib3 asyncio ssl http rich docopt"
    program = "import sys, hanami_sdk\nprint(*[name for name in '{}'.split() if name in sys.modules])"
    assert run(program.format(heavy)).split() == []


def test_modules_import_nothing_heavy_either() -> None:
    names = ", ".join(f"hanami_sdk.{name}" for name in MODULES if name not in WITH_NUMPY)
    assert run(f"import sys, {names}\nprint('requests' in sys.modules, 'numpy' in sys.modules)") == "False False\n"


IMPORT_EACH = """
import sys
from importlib import import_module
for name in {names!r}:
    try:
        import_module(f"hanami_sdk.{{name}}")
    except Exception as error:
        print(name, repr(error))
    for loaded in [loaded for loaded in sys.modules if loaded.startswith("hanami_sdk")]:
        del sys.modules[loaded]
"""


@pytest.mark.long  # tests/contracts/test_house.py tries modules of all packages
def test_each_module_imports_alone() -> None:
    """One process for all, which forgets the package after each."""
    assert run(IMPORT_EACH.format(names=MODULES)) == ""


def test_knows_no_other_part_of_the_house() -> None:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [item.name for item in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                root = name.split(".")[0]
                assert root not in {"hanami_core", "hanami_server", "hanami_plugins", "hanami_cli"}
                assert root not in {"numpy", "sklearn"} or path.stem in WITH_NUMPY


def test_version() -> None:
    assert hanami_sdk.__version__ == "0.1.0"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        hanami_sdk.nonsense  # noqa: B018


def test_version_without_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert hanami_sdk.__version__ == "0.1.0"


def test_is_typed() -> None:
    assert (ROOT / "py.typed").is_file()


def _functions(nested: bool = True) -> list[Any]:
    trees = [ast.parse(path.read_text()) for path in ROOT.rglob("*.py")]
    outer = [node for tree in trees for node in tree.body]
    outer += [node for kind in outer if isinstance(kind, ast.ClassDef) for node in kind.body]
    nodes = [node for tree in trees for node in ast.walk(tree)] if nested else outer
    return [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _code_lines(node: Any) -> int:
    """Count the lines of a function without its docstring."""
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        text = node.body[0]
        lines -= text.end_lineno - text.lineno + 1
    return int(lines)


def test_functions_are_short_and_files_too() -> None:
    sizes = [_code_lines(node) for node in _functions()]
    assert statistics.median(sizes) <= 9
    assert sum(size > 50 for size in sizes) <= 0.02 * len(sizes)
    assert max(len(path.read_text().splitlines()) for path in ROOT.rglob("*.py")) <= 500


def test_functions_are_typed_and_public_ones_documented() -> None:
    assert [node.name for node in _functions() if node.returns is None] == []
    public = [node for node in _functions(nested=False) if not node.name.startswith("_")]
    assert [node.name for node in public if ast.get_docstring(node) is None] == []


def test_tree_of_exceptions_is_drawn() -> None:
    drawn = hanami_exceptions.__doc__ or ""
    for name in hanami_exceptions.__all__:
        kind = getattr(hanami_exceptions, name)
        if inspect.isclass(kind):
            assert issubclass(kind, hanami_exceptions.HanamiException)
            assert name in drawn
            assert name in hanami_sdk.__all__


@pytest.mark.parametrize(
    ("error", "message", "text"),
    [
        (hanami_exceptions.NotFoundException(b"gone"), b"gone", "gone"),
        (hanami_exceptions.NotFoundException("weg ä"), "weg ä".encode(), "weg ä"),
        (hanami_exceptions.NotFoundException(b"\xff"), b"\xff", "\ufffd"),
        (hanami_exceptions.NotFoundException(), b"", "the server answered with status 404"),
        (hanami_exceptions.HanamiException(b"", 418), b"", "the server answered with status 418"),
        (hanami_exceptions.HanamiException("x"), b"x", "x"),
        (
            hanami_exceptions.InternalServerErrorException(),
            b"Server internal error appeared.",
            "Server internal error appeared.",
        ),
        (hanami_exceptions.InternalServerErrorException(b"id 5"), b"id 5", "id 5"),
        (hanami_exceptions.ConnectionFailedException(), b"", ""),
        (hanami_exceptions.TaskFailedException("no"), b"no", "no"),
    ],
)
def test_exceptions(error: hanami_exceptions.HanamiException, message: bytes, text: str) -> None:
    assert (error.message, str(error)) == (message, text)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.status, str(copy)) == (type(error), message, error.status, text)
