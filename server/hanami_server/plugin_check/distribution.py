"""What a folder or file says of itself: name, version, entry points and what it needs. Runs nothing of it."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import platform
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hanami_core.errors import PluginError

__all__ = ["COMMANDS", "PLUGINS", "CheckedDistribution", "Complaint", "Point", "read"]

PLUGINS, COMMANDS = "hanami.plugins", "hanami.cli"
UNKNOWN = "0"
"""Stands for a version that nothing tells."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")


class Complaint(NamedTuple):
    """Something that would break, or with `warning` in a later version. `where` is ``file:line``, or a file."""

    where: str
    text: str
    warning: bool = False

    def key(self) -> tuple[str, int, str]:
        """Return what complaints are sorted by."""
        file, _, line = self.where.rpartition(":")
        return (file, int(line), self.text) if line.isdigit() else (self.where, 0, self.text)


class Point(NamedTuple):
    """An entry point. `where` says what it is written in."""

    group: str
    name: str
    value: str
    where: str

    @property
    def module(self) -> str:
        """Module that it names."""
        return self.value.partition(":")[0].partition("[")[0].strip()


@dataclass(frozen=True)
class CheckedDistribution:
    """A distribution that is not installed, or a plugin that is a single file.

    Attributes:
        path: the folder or file.
        name: name of the distribution.
        version: its version.
        points: entry points of plugins and commands.
        needs: what it requires, with the place of each.
        python: versions of Python that it is for.
        file: what describes it.
    """

    path: Path
    name: str
    version: str
    file: Path
    points: Sequence[Point] = ()
    needs: Sequence[tuple[str, str]] = ()
    python: str = ""
    odd: Sequence[Complaint] = field(default_factory=list)

    def of(self, group: str) -> list[Point]:
        """Return the entry points of a group."""
        return [point for point in self.points if point.group == group]

    @property
    def roots(self) -> list[Path]:
        """Folders that its modules are imported from."""
        folder = self.path if self.path.is_dir() else self.path.parent
        roots = [root for root in (folder / "src", folder) if any(_file(root, p.module) for p in self.points)]
        return roots or [folder]

    def source(self, point: Point) -> Path | None:
        """Return the file that an entry point names; None if it is none of the folder."""
        return next((file for root in self.roots if (file := _file(root, point.module)) is not None), None)

    def complaints(self) -> Iterator[Complaint]:
        """Tell what is wrong with what it says of itself."""
        yield from self.odd
        if not self.points:
            text = f"there is no entry point in the group {PLUGINS}, so that Hanami does not find a plugin"
            yield Complaint(f"{self.file}:1", text)
        for point in self.points:
            if self.source(point) is None:
                yield Complaint(point.where, f"entry point {point.name}: there is no module {point.module}")
        for text, where in self.needs:
            yield from (Complaint(where, lack) for lack in _lacks(text))
        if self.python and not _contains(self.python, platform.python_version()):
            yield Complaint(f"{self.file}:1", f"it is for Python {self.python}")


def read(path: Path) -> CheckedDistribution:
    """Return what lies there.

    Raises:
        PluginError: if that is neither a Python file nor a folder that a distribution can be made of.
    """
    path = path.absolute()
    if path.suffix == ".py" and path.is_file() and path.name != "setup.py":
        return CheckedDistribution(path, path.stem, UNKNOWN, path, [Point(PLUGINS, path.stem, path.stem, f"{path}:1")])
    folder = path.parent if path.is_file() else path
    if not folder.is_dir():
        raise PluginError(f"{path}: there is no such file or folder")
    described = [_described(folder, reader) for reader in READERS if (folder / reader).is_file()]
    if not described:
        raise PluginError(f"{folder}: expected a .py file, or a folder with one of {', '.join(READERS)}")
    # Each file may say a part: an empty pyproject.toml beside a setup.py is usual.
    return max(described, key=lambda candidate: (bool(candidate.points), bool(candidate.needs), bool(candidate.name)))


def _described(folder: Path, name: str) -> CheckedDistribution:
    file = folder / name
    try:
        text = file.read_text(encoding="utf-8")
        return _candidate(folder, file, text, READERS[name](text))
    except (ValueError, TypeError, AttributeError, SyntaxError, configparser.Error) as error:
        line = getattr(error, "lineno", None) or _digits(str(error))
        odd = [Complaint(f"{file}:{line}", f"it cannot be read: {error}")]
        return CheckedDistribution(folder, folder.name, UNKNOWN, file, odd=odd)


def _candidate(folder: Path, file: Path, text: str, told: Mapping[str, Any]) -> CheckedDistribution:
    points = [
        Point(group, str(key), str(value), f"{file}:{_line(text, str(value))}")
        for group in (PLUGINS, COMMANDS)
        for key, value in told["points"].get(group, {}).items()
    ]
    needs = [(str(need), f"{file}:{_line(text, str(need))}") for need in told["needs"]]
    name, version = (str(told[key] or "") for key in ("name", "version"))
    return CheckedDistribution(
        folder,
        name if _NAME.fullmatch(name) else folder.name,
        version if _NAME.fullmatch(version) else UNKNOWN,  # it may be made when the distribution is
        file,
        points,
        needs,
        str(told["python"] or ""),
    )


def _digits(text: str) -> int:
    found = re.search(r"line:? (\d+)", text)
    return int(found[1]) if found else 1


def _line(text: str, part: str) -> int:
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if part in line), 1)


def _file(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    return next((file for file in (base / "__init__.py", base.with_suffix(".py")) if file.is_file()), None)


# -- the three ways to describe a distribution ------------------------------------------------------------------------


def _from_pyproject(text: str) -> dict[str, Any]:
    project = tomllib.loads(text).get("project", {})
    return {
        "name": project.get("name"),
        "version": project.get("version"),
        "points": project.get("entry-points", {}),
        "needs": project.get("dependencies", ()),
        "python": project.get("requires-python"),
    }


def _from_setup_cfg(text: str) -> dict[str, Any]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    points = {key: _pairs(lines) for key, lines in _section(parser, "options.entry_points").items()}
    options, metadata = _section(parser, "options"), _section(parser, "metadata")
    needs = [line.strip() for line in options.get("install_requires", "").splitlines() if line.strip()]
    python = options.get("python_requires")
    return {
        "name": metadata.get("name"),
        "version": metadata.get("version"),
        "points": points,
        "needs": needs,
        "python": python,
    }


def _section(parser: configparser.ConfigParser, name: str) -> dict[str, str]:
    return dict(parser[name]) if parser.has_section(name) else {}


def _pairs(lines: str | Sequence[str]) -> dict[str, str]:
    texts = lines.splitlines() if isinstance(lines, str) else lines
    return {key.strip(): value.strip() for key, _, value in (text.partition("=") for text in texts) if value.strip()}


def _from_setup(text: str) -> dict[str, Any]:
    """Read the constants that ``setup`` is called with."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    setups = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) == "setup"]
    given = {word.arg: _constant(word.value) for call in setups for word in call.keywords if word.arg}
    points = given.get("entry_points") or {}
    if isinstance(points, str):
        return _from_setup_cfg(f"[options.entry_points]\n{points}")  # the old way: a text like that of a file
    return {
        "name": given.get("name"),
        "version": given.get("version"),
        "points": {group: _pairs(lines) for group, lines in points.items()},
        "needs": given.get("install_requires") or (),
        "python": given.get("python_requires"),
    }


def _constant(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


READERS = {"pyproject.toml": _from_pyproject, "setup.cfg": _from_setup_cfg, "setup.py": _from_setup}


# -- what it needs ----------------------------------------------------------------------------------------------------


def _lacks(text: str) -> Iterator[str]:
    """Tell why something that is required is not there."""
    try:
        need = Requirement(text)
    except InvalidRequirement as error:
        yield f"'{text}' cannot be read: {error}"
        return
    if need.marker is not None and not need.marker.evaluate({"extra": ""}):
        return
    try:
        version = importlib.metadata.version(need.name)
    except importlib.metadata.PackageNotFoundError:
        yield f"it needs {text}, which is not installed"
        return
    if not need.specifier.contains(version, prereleases=True):
        yield f"it needs {text}, and {need.name} {version} is installed"


def _contains(specifier: str, version: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version)
    except InvalidSpecifier:
        return True
