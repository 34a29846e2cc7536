"""What an object lacks of a contract is told before it is called."""

from __future__ import annotations

import inspect
from typing import Any, Protocol

import pytest

from hanami_core.datasets import DatasetFormat
from hanami_core.plugin_host import PluginHost
from hanami_core.plugin_host.conformity import faults, location
from hanami_core.sockets import SocketTarget
from tests.core.plugin_kit import plugin, state


class Good:
    name = "good"
    parts = ("input",)

    def decode(self, files: Any, table: Any) -> None: ...


class Named(Good):
    def decode(self, sources: Any, writer: Any, more: int = 3) -> None:  # type: ignore[override]
        """Names are its own affair."""


class Loose(Good):
    def decode(self, *arguments: Any) -> None: ...


class Short(Good):
    def decode(self, files: Any) -> None: ...  # type: ignore[override]


class Wanting(Good):
    def decode(self, files: Any, table: Any, more: int) -> None: ...  # type: ignore[override]


class Methods(Good):
    def parts(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("input",)


class Empty:
    pass


class Value(Good):
    decode = None  # type: ignore[assignment]


class Failing(Good):
    @property
    def parts(self) -> Any:  # type: ignore[override]
        raise KeyError("size")


class Keyword(Protocol):
    def send(self, message: str, *, timeout: float) -> None: ...


class WithoutKeyword:
    def send(self, message: str) -> None: ...


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Good, []),
        (Named, []),
        (Loose, []),
        (Short, ["its decode does not take (files, table)"]),
        (Wanting, ["its decode does not take (files, table)"]),
        (Methods, ["its parts is a method, and must be a value or a property"]),
        (Empty, ["it has no name", "it has no parts", "it has no decode"]),
        (Value, ["its decode is not a method"]),
        (Failing, ["its parts raises KeyError: 'size'"]),
    ],
)
def test_faults(kind: type, expected: list[str]) -> None:
    assert faults(kind(), DatasetFormat) == expected
    host = PluginHost([plugin("third", hanami_dataset_formats=lambda: [kind()])])
    assert list(host.dataset_formats()) == ([] if expected else ["good"])
    text = f"hanami_dataset_formats returned {kind.__name__}, expected DatasetFormat: {', '.join(expected)}"
    assert state(host, "third") == (("broken", text) if expected else ("active", ""))
    assert host.plugins["third"].where == (location(kind) if expected else "")


def test_arguments_that_are_given_by_name_are_taken_by_name() -> None:
    assert faults(WithoutKeyword(), Keyword) == ["its send does not take (message, timeout)"]


def test_defaults_of_a_contract_that_is_derived_from_are_enough() -> None:
    class Target(SocketTarget):
        name, action = "t", None  # type: ignore[assignment]

        def open(self, runtime: Any, access: Any, uuid: str, connection: Any) -> Any: ...

    assert faults(Target(), SocketTarget) == []


def test_a_place_is_a_file_and_the_line_of_the_name() -> None:
    lines, first = inspect.getsourcelines(test_faults)
    line = first + next(number for number, text in enumerate(lines) if text.startswith("def "))
    assert location(test_faults) == f"{__file__}:{line}"
    assert location(Good()) == location(Good) == f"{__file__}:{inspect.getsourcelines(Good)[1]}"
    assert location(Good().decode) == f"{__file__}:{inspect.getsourcelines(Good.decode)[1]}"
    assert location(3) == location(len) == ""
