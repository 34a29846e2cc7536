"""The plugin `logs`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import peewee
import pytest

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.plugin_host import EntryPoint
from hanami_core.storage.database import proxy
from hanami_plugins.logs.models import AuditLog, ErrorLog
from tests.plugins.identity import schema
from tests.whole import Whole

AUDIT_HEADER = ["created_at", "user_id", "endpoint", "request_type"]
ERROR_HEADER = ["created_at", "user_id", "component", "context", "input_values", "message"]


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    passphrase: str = ""
    items: list[Any] = []


def broken() -> ModuleType:
    """Return a plugin whose route and observer fail."""

    def fail(call: Any, request: Any) -> Any:
        raise RuntimeError("the disk is gone, token=abc.def.ghi")

    def observe(event: Any) -> None:
        raise ValueError("no observer")

    def routes() -> list[Route]:
        return [Route(method, "/broken", "broken.call", Fields, dict, fail) for method in ("GET", "POST")]

    module = ModuleType("broken")
    vars(module)["hanami_routes"] = hookimpl(routes, specname="hanami_routes")
    vars(module)["hanami_event"] = hookimpl(observe, specname="hanami_event")
    return module


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path, EntryPoint("broken", "third", "0", broken), logs__audit_rows=150) as whole:
        yield whole


def audit(whole: Whole, **fields: Any) -> list[list[Any]]:
    answer = whole.call("GET", "audit_log", **{"page": 0} | fields).json
    assert answer["header"] == AUDIT_HEADER
    return [row[1:] for row in answer["body"]]


def errors(whole: Whole, **fields: Any) -> list[list[Any]]:
    answer = whole.call("GET", "error_log", **{"page": 0} | fields).json
    assert answer["header"] == ERROR_HEADER
    return [row[1:] for row in answer["body"]]


def test_calls_that_may_change_something_are_audited(whole: Whole) -> None:
    whole.call("POST", "project", id="proj", name="A project")
    whole.call("GET", "project", id="proj")
    whole.call("DELETE", "project", id="proj")
    assert audit(whole) == [
        ["asdf", "v1.0alpha/project", "POST"],
        ["asdf", "v1.0alpha/project", "DELETE"],
    ]


def test_calls_with_wrong_fields_are_audited_and_refused_ones_are_not(whole: Whole) -> None:
    assert whole.call("POST", "project", nonsense=1).status_code == 400
    assert whole.call("POST", "project", as_token="a.b.c").status_code == 401
    assert whole.call("POST", "unknown").status_code == 401
    member = whole.member("tsugumi")
    assert whole.call("POST", "project", as_token=member, id="other", name="other").status_code == 401
    assert audit(whole)[0] == ["asdf", "v1.0alpha/project", "POST"]
    assert audit(whole, user_id="tsugumi") == []


def test_everybody_sees_the_own_calls_and_an_admin_those_of_others(whole: Whole) -> None:
    member = whole.member("tsugumi")
    whole.call("DELETE", "cluster", as_token=member, uuid="nonsense")
    own = [["tsugumi", "v1.0alpha/cluster", "DELETE"]]
    assert whole.call("GET", "audit_log", as_token=member, page=0).json["body"][0][1:] == own[0]
    assert audit(whole, user_id="tsugumi") == own
    answer = whole.call("GET", "audit_log", as_token=member, page=0, user_id="tsugumi")
    assert (answer.status_code, answer.text) == (401, "'user_id' can only be set by an admin")


@pytest.mark.parametrize("nobody", ["", "None"])
def test_what_released_clients_send_for_no_user(whole: Whole, nobody: str) -> None:
    member = whole.member("tsugumi")
    assert whole.call("GET", "audit_log", as_token=member, page=0, user_id=nobody).json["body"] == []
    assert {row[0] for row in audit(whole, user_id=nobody)} == {"asdf"}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Validation failed, because variable 'page' is required, but is not set."),
        ({"page": -1}, "Given item 'page' is smaller than 0"),
        ({"page": 1_000_000_001}, "Given item 'page' is bigger than 1000000000"),
        ({"page": "x"}, "Value-validation failed, because a item 'page'  has the false type: Exprect int-type."),
    ],
)
@pytest.mark.parametrize("log", ["audit_log", "error_log"])
def test_wrong_pages(whole: Whole, log: str, fields: dict[str, Any], text: str) -> None:
    answer = whole.call("GET", log, **fields)
    assert (answer.status_code, answer.text) == (400, text)


def test_a_user_that_can_not_exist_is_refused(whole: Whole) -> None:
    for wrong in ("_ab", "@abc", "x y z w", "'; DROP TABLE audit_log"):
        assert whole.call("GET", "audit_log", page=0, user_id=wrong).status_code == 400


def test_pages_hold_a_hundred_rows_and_far_ones_none(whole: Whole) -> None:
    for number in range(120):
        whole.call("DELETE", "project", id=f"project{number}")
    first, second = audit(whole), audit(whole, page=1)
    assert (len(first), len(second)) == (100, 20)
    assert audit(whole, page=2) == audit(whole, page=1_000_000_000) == []


def test_old_rows_go(whole: Whole) -> None:
    for _ in range(301):
        whole.call("DELETE", "project", id="project")
    schedule = whole.runtime.schedules["logs.trim"]
    assert schedule.seconds == 60.0
    for _ in range(2):
        schedule.run(whole.runtime)
        assert AuditLog.select().count() == 150
        assert AuditLog.select(peewee.fn.MIN(AuditLog.sequence)).scalar() == 152


def test_an_internal_error_is_told_to_admins_without_secrets(whole: Whole) -> None:
    answer = whole.call("POST", "broken", name="a name", passphrase="hidden", items=[{"password": "hidden"}])
    assert answer.status_code == 500
    ((user, component, context, values, message),) = errors(whole)
    assert (user, component, context) == ("asdf", "broken.call", "POST v1.0alpha/broken")
    assert values == {"name": "a name", "items": [{"password": "***"}]}
    assert message == f"{answer.text}: RuntimeError: the disk is gone, token=***"


def test_errors_of_all_users_or_of_one(whole: Whole) -> None:
    member = whole.member("tsugumi")
    whole.call("GET", "broken", as_token=member)
    whole.call("GET", "broken")
    assert [row[0] for row in errors(whole)] == ["tsugumi", "asdf"]
    assert [row[0] for row in errors(whole, user_id="None")] == ["tsugumi", "asdf"]
    assert [row[0] for row in errors(whole, user_id="tsugumi")] == ["tsugumi"]
    assert errors(whole, page=7) == []


def test_errors_are_for_admins_only(whole: Whole) -> None:
    answer = whole.call("GET", "error_log", as_token=whole.member("tsugumi"), page=0)
    assert (answer.status_code, answer.text) == (401, "Access denied by policy")
    lookalike = whole.call("GET", "error_log", as_token=whole.member("rin_", "other", role="admin"), page=0)
    assert (lookalike.status_code, lookalike.text) == (401, "only an admin is allowed to request error-logs")


def test_huge_values_are_cut(whole: Whole) -> None:
    whole.call("POST", "broken", name="x" * 100_000)
    whole.call("POST", "broken", items=list(range(100_000)))
    cut, dropped = errors(whole)
    assert len(cut[3]["name"]) == 1025
    assert dropped[3] == {}


def test_an_observer_that_fails_is_counted_and_breaks_nothing(whole: Whole) -> None:
    before = whole.runtime.plugins.plugins["broken"].failures
    assert whole.call("POST", "project", id="proj", name="A project").status_code == 200
    assert whole.runtime.plugins.plugins["broken"].failures == before + 1
    assert len(audit(whole)) == 1


def test_a_full_log_breaks_no_call(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise peewee.OperationalError("database or disk is full")

    service = importlib.import_module("hanami_plugins.logs.service")
    monkeypatch.setattr(service, "_write", fail)
    assert whole.call("POST", "project", id="proj", name="A project").status_code == 200
    assert whole.call("GET", "broken").text.startswith("internal error ")
    assert whole.runtime.plugins.plugins["logs"].failures == 2


def test_migrations_make_the_models(whole: Whole, tmp_path: Path) -> None:
    fresh = peewee.SqliteDatabase(str(tmp_path / "fresh.db"))
    tables = ("audit_log", "error_log")
    with fresh.bind_ctx([AuditLog, ErrorLog]):
        fresh.create_tables([AuditLog, ErrorLog])
    assert schema(fresh, tables) == schema(proxy.obj, tables)
    fresh.close()
