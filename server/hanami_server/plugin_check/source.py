"""What the text of a plugin shows at once: hooks that do not exist, lack their mark, or ask for what is not offered."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterator
from pathlib import Path

from hanami_core import hookspecs
from hanami_server.plugin_check.distribution import COMMANDS, PLUGINS, CheckedDistribution, Complaint

__all__ = ["complaints"]

PREFIX, MARK = "hanami_", "hookimpl"
COMMAND_HOOK = "hanami_cli_commands"


def complaints(candidate: CheckedDistribution) -> Iterator[Complaint]:
    """Look at the module of each entry point."""
    for point in candidate.points:
        file = candidate.source(point)
        if file is not None and point.group in (PLUGINS, COMMANDS):
            yield from _of_file(file)


def _of_file(file: Path) -> Iterator[Complaint]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        text = getattr(error, "msg", str(error))
        yield Complaint(f"{file}:{getattr(error, 'lineno', 1)}", f"{type(error).__name__}: {text}")
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith(PREFIX):
            yield from (Complaint(f"{file}:{node.lineno}", text) for text in _faults(node))


def _faults(node: ast.FunctionDef) -> Iterator[str]:
    marks = [mark for mark in node.decorator_list if MARK in ast.unparse(mark)]
    if any(isinstance(mark, ast.Call) for mark in marks):
        return  # it has options, such as the name of the hook; a start tells
    specification = hookspecs.all_hooks().get(node.name)
    if specification is None and node.name != COMMAND_HOOK:
        close = difflib.get_close_matches(node.name, hookspecs.all_hooks(), 1)
        yield f"there is no hook {node.name}{f', did you mean {close[0]}?' if close else ''}"
        return
    if not marks:
        yield f"{node.name} is not marked with {MARK}"
    offered = [] if specification is None else list(inspect.signature(specification).parameters)
    for name in _required(node.args):
        if name not in offered:
            offers = f"it offers {', '.join(offered)}" if offered else "it offers none"
            yield f"{node.name} has no argument '{name}', {offers}"


def _required(arguments: ast.arguments) -> list[str]:
    """Return the arguments without a default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    without = plain[: len(plain) - len(arguments.defaults)]
    return [one.arg for one in (*without, *(one for one, default in named if default is None))]
