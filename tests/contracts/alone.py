"""Imports each module in a process in which no other of ours was imported, and tells which can not be.

What a module imports from elsewhere whenever it is imported, itself or through others of ours, is loaded before: once
for all modules that share it, of which each gets a fork. So nothing is there that would be missing otherwise.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

__all__ = ["Group", "groups"]

Group = tuple[list[str], list[str]]
"""What is loaded before, and the modules that need it."""


def groups(files: Mapping[str, Path]) -> list[Group]:
    """Return modules that need the same libraries together, each with what all of its group import from elsewhere."""
    tops = {name: set(imported_by(path)) for name, path in files.items()}
    needs = {name: needed(name, tops) for name in files}
    alike: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, found in needs.items():
        alike[frozenset(one.partition(".")[0] for one in found) - sys.stdlib_module_names].append(name)
    return [(sorted(frozenset.intersection(*(needs[name] for name in names))), names) for names in alike.values()]


def needed(name: str, tops: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return what the import of a module imports from elsewhere, by whatever way it comes to that."""
    ours = {known.partition(".")[0] for known in tops}
    seen: set[str] = set()
    left = [name]
    while left:
        parts = left.pop().split(".")
        # A package is imported before what is in it.
        new = {".".join(parts[:end]) for end in range(1, len(parts) + 1)} - seen
        seen |= new
        left += [imported for one in new for imported in tops.get(one, ())]
    return frozenset(one for one in seen if one.partition(".")[0] not in ours)


def imported_by(path: Path) -> Iterator[str]:
    """Return what a file imports whenever it is imported: neither in a function nor under a condition."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module.startswith("hanami_"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def run(work: Callable[[], object]) -> int:
    """Begin some work in a process of its own, which ends with 1 if it raises."""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def check(preloaded: Sequence[str], names: Sequence[str]) -> None:
    """Import each module in a fork of this process, on every processor."""
    for library in preloaded:
        __import__(library)
    gc.freeze()
    failed: list[str] = []
    children: dict[int, str] = {}

    def wait() -> None:
        pid, status = os.wait()
        name = children.pop(pid)
        if status:
            failed.append(name)

    for name in names:
        if len(children) == len(os.sched_getaffinity(0)):
            wait()
        children[run(partial(__import__, name))] = name
    while children:
        wait()
    if failed:
        raise ImportError(f"can not be imported alone: {failed}")


def main() -> None:
    """Read groups from the standard input and check them, each in a process of its own."""
    gc.disable()  # no process lives long enough to need it
    statuses = [os.waitpid(run(partial(check, *group)), 0)[1] for group in json.load(sys.stdin)]
    sys.exit(any(statuses))


if __name__ == "__main__":
    main()
