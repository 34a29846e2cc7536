"""Imports each module in a process in which no other of ours was imported, and tells which cannot be.

What a module imports whenever it is imported, itself or through others, is loaded before: from elsewhere, and of ours
what does not need the module in turn. So nothing is there that would be missing otherwise, and where modules import
each other in a circle, each of them comes first once. Modules that need the same share it, of ours as well as from
elsewhere: processes fork wherever that is no longer so.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

__all__ = ["Group", "groups"]

Way = list[str]
"""A module, and before it those of ours that are imported before."""
Group = tuple[list[str], list[Way]]
"""What is loaded from elsewhere, and the ways to the modules that need it."""


def groups(files: Mapping[str, Path]) -> list[Group]:
    """Return modules that need the same libraries together, each with what all of its group import from elsewhere."""
    tops = {name: set(imported_by(path)) for name, path in files.items()}
    needs = {name: needed(name, tops) for name in files}
    shared = Counter(one for found in needs.values() for one in found if one in needs)
    alike: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, found in needs.items():
        alike[frozenset(foreign(found, tops)) - sys.stdlib_module_names].append(name)
    return [
        (
            sorted(frozenset.intersection(*(needs[name] for name in names)) - needs.keys()),
            [way(name, needs, shared) for name in names],
        )
        for names in alike.values()
    ]


def way(name: str, needs: Mapping[str, frozenset[str]], shared: Mapping[str, int]) -> Way:
    """Return what can be imported before a module, what most modules need first, and the module."""
    before = [one for one in needs[name] if one in needs and name not in needs[one] and one != name]
    return [*sorted(before, key=lambda one: (-shared[one], one)), name]


def foreign(names: Iterable[str], tops: Iterable[str]) -> Iterator[str]:
    """Return the packages of what comes from elsewhere."""
    ours = {known.partition(".")[0] for known in tops}
    return (top for top in (one.partition(".")[0] for one in names) if top not in ours)


def needed(name: str, tops: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return all that the import of a module imports, by whatever way it comes to that: modules, and maybe names."""
    ours = {known.partition(".")[0] for known in tops}
    seen: set[str] = set()
    left = [name]
    while left:
        parts = left.pop().split(".")
        # A package is imported before what is in it.
        new = {".".join(parts[:end]) for end in range(1, len(parts) + 1)} - seen
        seen |= new
        left += [imported for one in new for imported in tops.get(one, ())]
    return frozenset(one for one in seen if one in tops or one.partition(".")[0] not in ours)


def imported_by(path: Path) -> Iterator[str]:
    """Return what a file imports whenever it is imported: neither in a function nor under a condition."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module.startswith("hanami_"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def done(work: Callable[[], bool]) -> bool:
    """Do some work in a process of its own, and tell whether it went well."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(not work())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def within(groups: Sequence[Group], group: Group | None) -> Iterator[Group]:
    """Return groups that need all libraries of a group and more, but for those that are within others of them."""
    needs = [(one, frozenset(one[0])) for one in groups]
    for one, libraries in needs:
        around = (other for other in needs if other[1] < libraries)
        if max(around, key=lambda other: len(other[1]), default=(None,))[0] is group:
            yield one


def check_all(groups: Sequence[Group], group: Group | None = None) -> bool:
    """Check the groups that are within one, each in a process of its own."""
    ends = [done(partial(check, groups, one)) for one in within(groups, group)]
    return all(ends)


def check(groups: Sequence[Group], group: Group) -> bool:
    """Load libraries, check groups that need more, then go all ways."""
    libraries, ways = group
    for library in libraries:
        __import__(library)
    gc.freeze()
    return check_all(groups, group) & go(ways)


def go(ways: Iterable[Way]) -> bool:
    """Import the module at the end of each way in a process that has gone that way, and tell whether all can be.

    This process goes the last way itself.
    """
    branches: dict[str, list[Way]] = defaultdict(list)
    for first, *rest in ways:
        branches[first].append(rest)
    well = True
    for first in [first for first, rests in branches.items() if not any(rests)]:
        del branches[first]
        well &= done(partial(imported, first))
    while branches:
        first, rests = branches.popitem()
        follow = partial(go_on, first, rests)
        well &= done(follow) if branches else follow()
    return well


def go_on(first: str, rests: Iterable[Way]) -> bool:
    """Import what all of these ways begin with, and go them."""
    return imported(first) and go(filter(None, rests))


def imported(name: str) -> bool:
    """Import a module, and tell whether it can be."""
    try:
        __import__(name)
    except BaseException:
        traceback.print_exc()
        print(f"cannot be imported alone: {name}", file=sys.stderr)
        return False
    return True


def main() -> None:
    """Read groups from the standard input and check them, each in a process of its own."""
    gc.disable()  # no process lives long enough to need it
    sys.exit(not check_all(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
