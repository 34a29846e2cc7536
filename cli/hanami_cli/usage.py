"""Why a command line does not fit a help text that docopt can read.

Owns the reading of such a text: its usage lines and its options. docopt says only *that* a command line does not fit,
this module says why, in the words of the released client. Must not know any command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hanami_cli.errors import UsageError
from hanami_cli.text import suggestion

__all__ = ["Flag", "Line", "Scan", "complaint", "flags_of", "is_group", "lines_of", "scan"]

Flags = Mapping[str, "Flag"]

_OPTIONAL = re.compile(r"\[[A-Z_]+\]")
"""A positional argument that may be left out."""


@dataclass(frozen=True)
class Flag:
    """An option: its long name without the dashes (or the short one) and whether a value follows it."""

    name: str
    takes_value: bool


@dataclass(frozen=True)
class Line:
    """A usage line.

    Attributes:
        text: the line itself.
        words: the fixed words after the program's name.
        arguments: the positional arguments.
        required: the options that must be given.
        own: all options that the line names; those which no line names fit every line.
        repeatable: the options that may be given more than once.
        rivals: the sets of options of which only one may be given.
    """

    text: str
    words: tuple[str, ...]
    arguments: tuple[str, ...]
    required: tuple[Flag, ...]
    own: frozenset[Flag]
    repeatable: frozenset[Flag]
    rivals: tuple[frozenset[Flag], ...]

    @property
    def most(self) -> int:
        """The largest number of positional arguments, with those that may be left out."""
        return len(self.arguments) + len(_OPTIONAL.findall(self.text))

    @property
    def accepted(self) -> str:
        """How many positional arguments fit."""
        least = len(self.arguments)
        return str(least) if self.most == least else f"{least} to {self.most}"


@dataclass(frozen=True)
class Scan:
    """A command line taken apart: the words that are not options, and the options in their order."""

    words: tuple[str, ...]
    given: tuple[Flag, ...]


def flags_of(text: str) -> dict[str, Flag]:
    """Return every option that `text` describes, under its long and under its short name."""
    found = {}
    for described in re.findall(r"^\s+(-\S.*?)(?:  |$)", text, flags=re.M):
        parts = described.replace(",", " ").replace("=", " ").split()
        names = [part for part in parts if part.startswith("-")]
        flag = Flag(names[-1].lstrip("-"), takes_value=len(parts) > len(names))
        found.update(dict.fromkeys(names, flag))
    return found


def lines_of(text: str) -> list[Line]:
    """Return the usage lines of `text`; one that begins with a bracket goes on with the line before it."""
    usage = re.search(r"^Usage:\n((?:[ \t]+\S.*\n?)+)", text, flags=re.M)
    flags = flags_of(text)
    lines = re.sub(r"\n[ \t]+\[", " [", usage[1]).splitlines() if usage else []
    return [_line(line.strip(), flags) for line in lines]


def scan(argv: Sequence[str], flags: Flags) -> Scan:
    """Take a command line apart.

    Raises:
        UsageError: an option is unknown, lacks its value, or has one that it does not take.
    """
    words: list[str] = []
    given: list[Flag] = []
    rest = iter(argv)
    for word in rest:
        if word.startswith("--"):
            given.append(_long(word, rest, flags))
        elif len(word) > 1 and word.startswith("-"):
            given.extend(_short(word, rest, flags))
        else:
            words.append(word)
    return Scan(tuple(words), tuple(given))


def is_group(text: str, words: Sequence[str]) -> bool:
    """Tell whether `words` only begin a command of `text`, as `task create` does."""
    begun = [line.words for line in lines_of(text) if _starts(line.words, words)]
    return bool(begun) and tuple(words) not in begun


def complaint(text: str, argv: Sequence[str]) -> UsageError:
    """Return the reason why `argv`, without the program's name, fits no usage line of `text`."""
    lines = lines_of(text)
    try:
        scanned = scan(argv, flags_of(text))
    except UsageError as error:
        return error
    line = max((line for line in lines if _starts(scanned.words, line.words)), key=_length, default=None)
    if line is None:
        return _unknown_command(lines, scanned.words)
    special = frozenset[Flag]().union(*(other.own for other in lines)) - line.own
    return UsageError(f"{_misfit(line, scanned, special)}\nUsage: {line.text}")


def _line(text: str, flags: Flags) -> Line:
    _, *rest = re.sub(r"\[.*?\]|[().]", " ", text).split()
    words: list[str] = []
    arguments: list[str] = []
    required: list[Flag] = []
    tokens = iter(rest)
    for token in tokens:
        if flag := flags.get(token):
            required.append(flag)
            if flag.takes_value:
                next(tokens)
        else:
            (arguments if token.isupper() else words).append(token)
    repeated = " ".join(re.findall(r"[\[(]([^])]*)[\])]\.\.\.", text))
    rivals = tuple(_named(group, flags) for group in re.findall(r"\[([^]]*\|[^]]*)\]", text))
    options = _named(text, flags), _named(repeated, flags), rivals
    return Line(text, tuple(words), tuple(arguments), tuple(required), *options)


def _named(text: str, flags: Flags) -> frozenset[Flag]:
    names = re.findall(r"(?<![\w-])-[\w-]+", text)
    return frozenset(flags[name] for name in names if name in flags)


def _long(token: str, rest: Iterator[str], flags: Flags) -> Flag:
    name, equals, _ = token.partition("=")
    near = [known for known in flags if known.startswith(name)]
    flag = flags.get(name) or (flags[near[0]] if len(near) == 1 else None)
    if flag is None:
        raise UsageError(f"unknown flag: {name}{suggestion(name, flags)}")
    if equals and not flag.takes_value:
        raise UsageError(f"flag takes no value: --{flag.name}")
    if flag.takes_value and not equals and next(rest, None) is None:
        raise UsageError(f"flag needs an argument: --{flag.name}")
    return flag


def _short(token: str, rest: Iterator[str], flags: Flags) -> Iterator[Flag]:
    for place, letter in enumerate(token[1:], 1):
        flag = flags.get("-" + letter)
        if flag is None:
            raise UsageError(f"unknown shorthand flag: {letter!r} in {token}")
        yield flag
        if flag.takes_value:
            if place == len(token) - 1 and next(rest, None) is None:
                raise UsageError(f"flag needs an argument: {letter!r} in {token}")
            return


def _starts(words: Sequence[str], beginning: Sequence[str]) -> bool:
    return tuple(words[: len(beginning)]) == tuple(beginning)


def _length(line: Line) -> int:
    return len(line.words)


def _unknown_command(lines: Sequence[Line], words: Sequence[str]) -> UsageError:
    """Return which word is the first that no line has at its place."""
    program = lines[0].text.split()[0]
    for depth, word in enumerate(words):
        known = [line.words[depth] for line in lines if _starts(line.words, words[:depth]) and len(line.words) > depth]
        if word not in known:
            path = " ".join([program, *words[:depth]])
            return UsageError(f'unknown command "{word}" for "{path}"{suggestion(word, known)}')
    return UsageError("incomplete command")


def _misfit(line: Line, scanned: Scan, special: frozenset[Flag]) -> str:
    """Return what is wrong with a command line whose words belong to `line`; `special` options belong to others."""
    count = len(scanned.words) - len(line.words)
    if foreign := [flag.name for flag in scanned.given if flag in special]:
        return f"unknown flag: --{foreign[0]}"
    if not len(line.arguments) <= count <= line.most:
        return f"accepts {line.accepted} arg(s), received {count}"
    if missing := [f'"{flag.name}"' for flag in line.required if flag not in scanned.given]:
        return f"required flag(s) {', '.join(missing)} not set"
    for rivals in line.rivals:
        if len(chosen := dict.fromkeys(f"--{flag.name}" for flag in scanned.given if flag in rivals)) > 1:
            return f"only one of these flags may be given: {', '.join(chosen)}"
    twice = [flag.name for flag in scanned.given if scanned.given.count(flag) > 1 and flag not in line.repeatable]
    return f"flag given more than once: --{twice[0]}" if twice else "this does not fit together"
