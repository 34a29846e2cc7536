"""Each call of a hook is logged if that is wanted: who got what, what came back, and how long it took."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from hanami_core.errors import SettingsError
from hanami_core.events import LoginFailed
from hanami_core.plugin_host import PluginHost
from hanami_core.plugin_host.tracing import short
from hanami_core.settings import Setting
from tests.core.plugin_kit import ACTION, ACTOR, boom, plugin

SECRET = "not to be logged"
LOGIN = LoginFailed(actor=None, user_id=SECRET, address=SECRET, code=SECRET)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, "hanami.hooks")

    def read() -> list[tuple[Any, ...]]:
        found = [record for record in caplog.records if record.name == "hanami.hooks"]
        return [(r.hook, r.plugin, r.arguments, r.result) for r in found]  # type: ignore[attr-defined]

    return read


def host() -> PluginHost:
    return PluginHost(
        [
            plugin("one", hanami_settings=lambda: [Setting("one.size", int, 1, "")]),
            plugin("two", hanami_settings=lambda: boom(), hanami_event=lambda event: None),
            plugin("three", hanami_event=lambda runtime, event: None, hanami_access_rules=lambda actor, action: []),
        ]
    )


def test_each_call_is_logged(monkeypatch: pytest.MonkeyPatch, lines: Any, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("HANAMI_TRACE_HOOKS", "1")
    plugins = host()
    plugins.settings()
    plugins.event("runtime", LOGIN)  # type: ignore[arg-type]
    plugins.access_rules(ACTOR, ACTION)
    assert lines() == [
        ("hanami_settings", "one", "", "1 Setting"),
        ("hanami_settings", "two", "", "raises ValueError"),
        ("hanami_event", "three", "runtime=str of 7, event=LoginFailed login.failed", "None"),
        ("hanami_access_rules", "three", "actor=Actor, action=Action notes.get", "none"),
    ]
    assert all(0 <= record.milliseconds < 10_000 for record in caplog.records if record.name == "hanami.hooks")  # type: ignore[attr-defined]
    assert SECRET not in str([vars(record) for record in caplog.records if record.name == "hanami.hooks"])


@pytest.mark.parametrize("value", [None, "", "0", "false"])
def test_nothing_is_logged_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch, lines: Any, value: str | None) -> None:
    monkeypatch.delenv("HANAMI_TRACE_HOOKS", raising=False)
    if value is not None:
        monkeypatch.setenv("HANAMI_TRACE_HOOKS", value)
    host().settings()
    assert lines() == []


def test_an_odd_wish_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANAMI_TRACE_HOOKS", "perhaps")
    with pytest.raises(SettingsError, match="HANAMI_TRACE_HOOKS"):
        host()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        ("x" * 12, "str of 12"),
        ({"a": SECRET}, "dict of 1"),
        ([1, "x"], "2 int | str"),
        ((), "none"),
        (Setting, "Setting"),
        (np.zeros((3, 2)), "ndarray"),
        (object(), "object"),
    ],
)
def test_values_are_told_in_a_word(value: object, expected: str) -> None:
    assert short(value) == expected
