"""Distributions of somebody else: the examples of the documentation, installed beside the project."""

from __future__ import annotations

import ast
import contextlib
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
    found: set[str] = set()
    for path in (EXAMPLES / name / name.replace("-", "_")).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {module.partition(".")[0] for module in modules}
    own = {name.replace("-", "_"), "hanami_core", *allowed}
    return {module for module in found if module not in own and module not in sys.stdlib_module_names}
