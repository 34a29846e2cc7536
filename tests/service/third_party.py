"""Distributions of somebody else: the examples of the documentation, installed beside the project."""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@contextlib.contextmanager
def installed(name: str, base: Path) -> Iterator[Path]:
    """Install an example into a directory of its own, which all processes that are started in the block look into."""
    source, target = base / "source", base / "site"
    subprocess.run(["cp", "-r", EXAMPLES / name, source], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", target]
    subprocess.run([*pip, source], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(target), os.environ.get("PYTHONPATH", "")])))
        yield target


def run_own_tests(name: str) -> None:
    """Run the tests that an installed example has itself, in a process of their own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=EXAMPLES / name, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def foreign_imports(name: str, *allowed: str) -> set[str]:
    """Return what the package of an example imports besides the standard library, core and what is allowed."""
    found = {module.partition(".")[0] for module, _ in _imports(name)}
    own = {name.replace("-", "_"), "hanami_core", *allowed}
    return {module for module in found if module not in own and module not in sys.stdlib_module_names}


def private_imports(name: str) -> set[str]:
    """Return what the package of an example imports from plugins that is not in the ``__all__`` of their packages."""
    used = {(module, item) for module, item in _imports(name) if module.partition(".")[0] == "hanami_plugins"}
    return {f"{module}.{item}" for module, item in used if item not in importlib.import_module(module).__all__}


def _imports(name: str) -> Iterator[tuple[str, str]]:
    """Yield the modules that the package of an example imports, and the names that it takes from them."""
    for path in (EXAMPLES / name / name.replace("-", "_")).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.module or "", alias.name) for alias in node.names)
