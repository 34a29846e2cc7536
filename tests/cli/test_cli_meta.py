"""What holds for the package as a whole."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from statistics import median

import pytest

import hanami_cli

ROOT = Path(hanami_cli.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MODULES = [".".join(file.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__") for file in FILES]
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
HEAVY = {"requests", "rich", "google.protobuf", "websocket", "numpy", "urllib3"}
FORBIDDEN = {"hanami_core", "hanami_server", "hanami_plugins", "falcon", "peewee", "numba", "numpy"}


def modules_after(code):
    """Return the modules that are loaded after `code` ran in a fresh process in which warnings are errors."""
    code = f"import sys\n{code}\nsys.stderr.write(' '.join(sys.modules))"
    process = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return set(process.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "from hanami_cli.hanamictl import main; assert main(['--help']) == 0",
        "from hanami_cli.hanamictl import main; assert main(['task', '--help']) == 0",
        "from hanami_cli.hanami import main; assert main(['--version']) == 0",
    ],
)
def test_help_loads_nothing_heavy(code):
    assert not modules_after(code) & HEAVY


def test_each_module_can_be_imported_alone_and_knows_only_the_sdk():
    """One process for all: each import starts from the modules that Python itself has loaded."""
    code = f"""
from importlib import import_module
before = set(sys.modules)
for name in {MODULES!r}:
    import_module(name)
    for loaded in [loaded for loaded in sys.modules if loaded.startswith(('hanami_cli', 'hanami_sdk'))]:
        del sys.modules[loaded]
"""
    assert not modules_after(code) & FORBIDDEN


@pytest.mark.parametrize("file", FILES, ids=MODULES)
def test_public_names_are_declared_and_documented(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    public = [node for node in tree.body if isinstance(node, DEFINITIONS) and not node.name.startswith("_")]
    module = import_module(MODULES[FILES.index(file)])
    assert {node.name for node in public} <= set(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
    assert "must not know" in " ".join(module.__doc__.split()).lower()
    assert all(map(ast.get_docstring, public))


def test_files_and_functions_are_short():
    functions = []
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 500, file
        functions += [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    lengths = list(map(length, functions))
    assert median(lengths) <= 9
    assert max(lengths) <= 50


def length(function):
    """Return the number of lines without the docstring."""
    return function.end_lineno - function.lineno + 1 - len((ast.get_docstring(function) or "").splitlines())


def test_nothing_of_the_server_is_named_in_the_sources():
    for file in FILES:
        imported = {
            (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not {name.split(".")[0] for name in imported} & FORBIDDEN, file
