"""What checks of plugins do to the readiness of a server."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hanami_core import hookimpl
from hanami_core.checks import Check, Finding
from hanami_core.plugin_host import EntryPoint
from tests.whole import Whole

FULL = Finding("disk of notes", "it is full")


def plugin(name: str, checks: Any) -> EntryPoint:
    module = ModuleType(name)
    vars(module)["hanami_checks"] = hookimpl(checks, specname="hanami_checks")
    return EntryPoint(name, "third", "0", lambda: module)


def fails() -> list[Finding]:
    raise ValueError("no disk")


def findings(whole: Whole) -> list[str]:
    answer = whole.http.simulate_get("/health/ready")
    assert answer.status_code == 503  # there is no sidecar either
    return list(answer.json.get("findings", []))


def test_without_findings_there_is_no_word_of_them(tmp_path: Path) -> None:
    with Whole(tmp_path, plugin("notes", lambda: [Check("disk", list, cheap=True)])) as whole:
        assert "findings" not in whole.http.simulate_get("/health/ready").json


def test_cheap_checks_count_and_those_that_take_long_are_not_taken(tmp_path: Path) -> None:
    taken: list[str] = []
    checks = [
        Check("disk", lambda: [FULL], cheap=True),
        Check("every note", lambda: taken.append("every note") or [FULL]),  # type: ignore[func-returns-value]
    ]
    with Whole(tmp_path, plugin("notes", lambda: checks)) as whole:
        assert findings(whole) == ["disk of notes: it is full"]
        assert taken == []


def test_a_check_that_fails_is_a_finding_and_others_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checks = [Check("broken disk", fails, cheap=True), Check("disk", lambda: [FULL], cheap=True)]
    with Whole(tmp_path, plugin("bad", lambda: fails()), plugin("notes", lambda: checks)) as whole:
        assert findings(whole) == ["broken disk: ValueError", "disk of notes: it is full"]
        assert whole.runtime.plugins.plugins["bad"].failures == 1
    assert "check failed" in caplog.messages


def test_a_plugin_that_broke_since_has_no_say(tmp_path: Path) -> None:
    with Whole(tmp_path, plugin("notes", lambda: [Check("disk", lambda: [FULL], cheap=True)])) as whole:
        assert findings(whole) == ["disk of notes: it is full"]
        whole.runtime.plugins.refuse(whole.runtime.plugins.plugins["notes"], ValueError("enough"))
        assert findings(whole) == []
