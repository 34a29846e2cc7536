"""How the documents are read: their blocks of code are run in order, and what they show is compared with what came.

A block of `json` or `text` right behind a block of `sh` or `python` is its output. Identifiers, times, tokens, ports
and measured numbers differ from run to run and are compared as such; the width of tables is not compared.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from hanami_sdk import Client

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^(?:<!-- example: (?P<mark>\w+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$"
    r"(?:\n\n```(?P<kind>json|text)\n(?P<shown>.*?)^```$)?",
    re.M | re.S,
)
CALL = re.compile(
    r"^\| `(?P<method>GET|POST|PUT|DELETE) (?P<path>/\S+)(?: (?P<body>.*?))?` \| (?P<status>\d+) `(?P<text>.*)` \|$",
    re.M,
)
EXPORTED = "hanami_network"
"""The module that each exported network is."""
MASKS = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "<time>"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|eyJ\S*…"), "<token>"),
    (re.compile(r"AKIA[A-Z2-7]{16}"), "<access key>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<server>"),
    (re.compile(r"[\w./-]*/hanami-data"), "<data>"),
    (re.compile(r"\d+\.\d{3,}(?:e-?\d+)?|\d{12,}"), "<number>"),
    (re.compile(r"(?<=\| )\d{9,11}(?= +\|)"), "<bytes>"),
    (re.compile(r"\b\d+\.\d+(?= %)"), "<percent>"),
    (re.compile(r"\b\d\.\d+(?= of the)"), "<share>"),
    (re.compile(r'(?<="memory":)\d+'), "<number>"),
    (re.compile(r"(?m)^(\| MEMORY +\|) \d+"), r"\1 <number>"),
    (re.compile(r"(?m)^(\| ACCURACY +\|) \d\d(?:\.\d+)?(?= )"), r"\1 <percent>"),
    (re.compile(r"(?m)^(\| (?:HOSTNAME|HAS HYPERTHREADING|PACKAGES|CORES|THREADS) +\|) \S+"), r"\1 <some>"),
    (re.compile(r"(?m)^(\| (?:THERMAL SPEC|CURRENT SPEED|MAXIMUM SPEED) +\|) \S+"), r"\1 <some>"),
    (re.compile(r"\[\d+(?:[ ,]\d+)*\](?=\"?$| +\|$)", re.M), "<processors>"),
    (re.compile(r" {2,}"), " "),
    (re.compile(r"-{2,}"), "-"),
)
MEASURED = ("seed", "memory", "metrics", "next", "secret_key")


@dataclass(frozen=True)
class Block:
    """A block of code: its mark, language and text, and the kind and text of the output that is shown behind it."""

    mark: str
    language: str
    code: str
    kind: str
    shown: str


@dataclass(frozen=True)
class Answer:
    """A row of a table of errors: a call, and the status and text that answer it."""

    method: str
    path: str
    body: str
    status: str
    text: str


def blocks(document: str) -> list[Block]:
    """Return the blocks of a document, each together with its output."""
    return [part for part in parts((ROOT / document).read_text(encoding="utf-8")) if isinstance(part, Block)]


def parts(text: str) -> list[Block | Answer]:
    """Return all that a text shows, in its order."""
    found: list[tuple[int, Block | Answer]] = []
    for kind, pattern in ((Block, BLOCK), (Answer, CALL)):
        for match in pattern.finditer(text):
            found.append((match.start(), kind(**{name: value or "" for name, value in match.groupdict().items()})))
    return [part for _, part in sorted(found, key=lambda pair: pair[0])]


def plain(text: str) -> list[str]:
    """Return the lines of a text without what differs from run to run."""
    for pattern, name in MASKS:
        text = pattern.sub(name, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def masked(value: Any) -> Any:
    """Return a JSON value without what differs from run to run."""
    if isinstance(value, dict):
        return {
            name: sorted(item) if name == "metrics" else name if name in MEASURED else masked(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, float) and not value.is_integer():
        return "<number>"
    return "\n".join(plain(value)) if isinstance(value, str) else value


class Shell:
    """A bash that remembers its variables from block to block; a command that fails ends it."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._errors = directory / ".errors"
        self._script = directory / ".block"
        with self._errors.open("w") as errors:
            self._bash = subprocess.Popen(
                ["bash", "--norc", "-euo", "pipefail"],
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def run(self, code: str) -> str:
        """Run a block and return what it printed."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._script.write_text(code)
        self._bash.stdin.write("source ./.block </dev/null\nprintf '\\0\\n'\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        while not lines or not lines[-1].endswith("\0\n"):
            line = self._bash.stdout.readline()
            assert line, f"{code}\n{''.join(lines)}\n{self._errors.read_text()}"
            lines.append(line)
        return "".join(lines).removesuffix("\0\n")

    def variable(self, name: str) -> str:
        """Return the value of a variable."""
        return self.run(f'printf %s "${name}"\n')

    def expand(self, text: str) -> str:
        """Return a text with the values of the variables in it."""
        return re.sub(r"\$([A-Z]+)", lambda match: self.variable(match[1]), text)

    def close(self) -> None:
        """End it."""
        self._bash.communicate()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Import what examples import as a process of their own would: not what others have imported by the same name."""
    path = [*sys.path]
    sys.modules.pop(EXPORTED, None)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        sys.modules.pop(EXPORTED, None)


class Reader:
    """Somebody who tries out all that a document shows, in a directory of their own."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.shell = Shell(directory, environment)
        self.names: dict[str, Any] = {}
        self.address = environment.get("HANAMI_ADDRESS", "")
        self._alone = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Return the object itself."""
        self._alone.enter_context(alone())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the shell, and what the examples left open."""
        self._alone.close()
        self.shell.close()
        for value in self.names.values():
            if isinstance(value, Client):
                value.close()

    def read(self, document: str) -> int:
        """Try out all that a document shows, and return how much that was."""
        found = [part for part in parts((ROOT / document).read_text(encoding="utf-8")) if runs(part)]
        for part in found:
            compare(document, part, self.run(part))
        return len(found)

    def run(self, part: Block | Answer) -> str:
        """Run one part and return what it printed or answered."""
        if isinstance(part, Answer):
            return self._call(part)
        if part.language == "sh":
            return self.shell.run(part.code)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(part.code, "example", "exec"), self.names)
        return printed.getvalue()

    def _call(self, row: Answer) -> str:
        answer = requests.request(
            row.method,
            f"{self.address}/v1.0alpha{self.shell.expand(row.path)}",
            headers={"X-Auth-Token": self.shell.variable("TOKEN")},
            data=self.shell.expand(row.body) or None,
            timeout=30,
        )
        return f"{answer.status_code} {' '.join(answer.text.split())}"


def runs(part: Block | Answer) -> bool:
    """Tell whether a part is something to be tried out by itself."""
    return isinstance(part, Answer) or (not part.mark and part.language in ("sh", "python"))


def compare(document: str, part: Block | Answer, printed: str) -> None:
    """Compare what came with what the document shows."""
    if isinstance(part, Answer):
        assert plain(printed) == plain(f"{part.status} {part.text}"), (document, part)
    elif part.kind == "json":
        assert masked(json.loads(printed)) == masked(json.loads(part.shown)), (document, part.code, printed)
    elif part.kind:
        assert plain(printed) == plain(part.shown), (document, part.code, printed)
