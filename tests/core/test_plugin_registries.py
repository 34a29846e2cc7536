"""The plugin host: failure policies of the hooks for work, HTTP and what is observed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hanami_core import events
from hanami_core.checks import Check, Finding
from hanami_core.compute import HostContext
from hanami_core.errors import BadRequest, PluginError, StartupError, Unauthorized
from hanami_core.events import CallAllowed, Event
from hanami_core.exports import Export, NetworkExport, TableExport, chosen
from hanami_core.http import Api, Empty, Route
from hanami_core.metrics import Sample
from hanami_core.network.declared import NoSettings
from hanami_core.plugin_host import PluginHost
from hanami_core.processes import Process
from hanami_core.queue import TaskKind
from hanami_core.schedules import Schedule
from hanami_core.sockets import SocketTarget
from tests.core.plugin_kit import ACTION, ACTOR, SETTINGS, boom, boom_runtime, plugin, route, state


def test_hook_hanami_task_kinds() -> None:
    kind = TaskKind("mine", lambda job: None)
    assert PluginHost([plugin("a", hanami_task_kinds=lambda: [kind])]).task_kinds() == {"mine": kind}


def test_hook_hanami_exports() -> None:
    table = TableExport("csv", "text/csv", ".csv", lambda table: [])
    network = NetworkExport("csv", "text/csv", ".csv", lambda formula: [])
    points = [
        plugin("a", hanami_exports=lambda: [table, network]),
        plugin("taken", hanami_exports=lambda: [TableExport("csv", "text/plain", ".txt", lambda table: [])]),
        plugin("vague", hanami_exports=lambda: [Export("csv", "text/csv", ".csv", lambda thing: [])]),
    ]
    host = PluginHost(points)
    found = host.exports()
    assert dict(found) == {("table", "csv"): table, ("network", "csv"): network}
    assert chosen(found, TableExport, "csv") is table
    assert chosen(found, NetworkExport, "csv") is network
    with pytest.raises(BadRequest, match="known csv"):
        chosen(found, TableExport, "onnx")
    assert state(host, "taken")[0] == "broken"
    assert state(host, "vague") == ("broken", "the export csv must be a NetworkExport or a TableExport")


def test_hook_hanami_processes() -> None:
    mailer = Process("mailer", "mail.mailer:run")
    points = [
        plugin("a", hanami_processes=lambda settings: [mailer]),
        plugin("taken", hanami_processes=lambda settings: [Process("mailer", command=("true",))]),
        plugin("bad", hanami_processes=lambda settings: [Process("mailer")]),
    ]
    host = PluginHost(points)
    found = host.processes(SETTINGS)
    assert dict(found) == {"mailer": mailer}
    assert state(host, "taken") == ("broken", "hanami_processes: mailer is taken by plugin a")
    assert state(host, "bad") == ("broken", "ValueError: process mailer needs either a target or a command")


def test_hook_hanami_schedules() -> None:
    forget = Schedule("a.forget", 60.0, lambda runtime: None)
    points = [
        plugin("a", hanami_schedules=lambda runtime: [forget]),
        plugin("bad", hanami_schedules=lambda runtime: [Schedule("bad.always", 0.0, boom_runtime)]),
        plugin("wrong", hanami_schedules=lambda runtime: ["daily"]),
    ]
    host = PluginHost(points)
    assert host.schedules("runtime") == {"a.forget": forget}
    assert state(host, "bad")[1].startswith("ValueError: schedule bad.always must leave")
    assert state(host, "wrong") == ("broken", "hanami_schedules returned str, expected Schedule")


class Host:
    def __init__(self, name: str) -> None:
        self.name, self.kind = name, "cpu"

    def start(self, context: HostContext) -> None:
        raise AssertionError("not called")

    def stop(self) -> None: ...
    def describe(self) -> None: ...


def test_hook_hanami_compute_hosts() -> None:
    hosts = PluginHost([plugin("a", hanami_compute_hosts=lambda settings: [Host("cpu0"), Host("cpu1")])])
    assert list(hosts.compute_hosts(SETTINGS)) == ["cpu0", "cpu1"]


class Rules:
    name, host_kind, settings = "section", "cpu", NoSettings

    def refuses(self, template: object) -> None: ...
    def create(self, template: object, seed: int) -> None: ...
    def open(self, state: object, host: object) -> None: ...


def test_hook_hanami_network_rules() -> None:
    host = PluginHost([plugin("a", hanami_network_rules=lambda: [Rules()])])
    assert list(host.network_rules()) == [("section", "cpu")]


def test_hook_hanami_placement() -> None:
    request: Any = object()
    points = [
        plugin("a", hanami_placement=lambda runtime, request: "never asked"),
        plugin("b", hanami_placement=lambda request: "cpu7"),
        plugin("c", hanami_placement=lambda request: None),
        plugin("d", hanami_placement=lambda request: boom()),
        plugin("e", hanami_placement=lambda request: 7),
    ]
    host = PluginHost(points)
    assert host.placement("runtime", request) == "cpu7"
    assert (host.plugins["d"].failures, host.plugins["e"].failures) == (1, 1)
    assert all(found.works for found in host.plugins.values())
    assert PluginHost(points[2:]).placement("runtime", request) is None


class Dialect:
    name = "mine"

    def recognises(self, text: str) -> bool:
        return False

    def parse(self, text: str, declarations: object) -> None: ...


def test_hook_hanami_template_dialects() -> None:
    assert list(PluginHost([plugin("a", hanami_template_dialects=lambda: [Dialect()])]).template_dialects()) == ["mine"]


def test_hook_hanami_routes() -> None:
    points = [
        plugin("a", hanami_routes=lambda runtime: [route()]),
        plugin("b", hanami_routes=lambda runtime: [route("/v1/other"), route()]),
        plugin("c", hanami_routes=lambda runtime: boom()),
        plugin("d", hanami_routes=lambda runtime: [("GET", "/")]),
    ]
    host = PluginHost(points)
    apis = {"native": Api("native", "", ("token",))}
    assert [r.path for r in host.routes(None, apis)] == ["/v1/note"]  # type: ignore[arg-type]
    assert state(host, "b") == ("broken", "hanami_routes: GET /v1/note is taken by plugin a")
    assert state(host, "c")[0] == state(host, "d")[0] == "broken"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/v1/note/{name}", ""),
        ("/v1/note/{name}/image", ""),
        ("/v1/note/all", ""),
        ("/v1/note/{uuid}", "hanami_routes, a path like: /v1/note/{} is taken by plugin a"),
        ("/v1/note/{name:int}", "hanami_routes, a path like: /v1/note/{} is taken by plugin a"),
        ("/v1/note/{other}/image", "hanami_routes, a path like: /v1/note/{} is taken by plugin a"),
    ],
)
def test_paths_that_a_router_can_not_tell_apart_are_refused(path: str, reason: str) -> None:
    points = [
        plugin("a", hanami_routes=lambda runtime: [route("/v1/note/{name}")]),
        plugin("b", hanami_routes=lambda runtime: [replace(route(path), method="PUT")]),
    ]
    host = PluginHost(points)
    host.routes(None, {"native": Api("native", "", ("token",))})  # type: ignore[arg-type]
    assert state(host, "b") == (("broken", reason) if reason else ("active", ""))


class Unguarded(SocketTarget):
    name = "unguarded"  # type: ignore[assignment]

    def open(self, *_: object) -> Any: ...


class Target(Unguarded):
    name = "echo"
    action = ACTION  # type: ignore[assignment]


class Loose:
    """Has the action, but not what else a target must say."""

    name = "loose"
    action = ACTION


def test_hook_hanami_socket_targets() -> None:
    host = PluginHost(
        [
            plugin("a", hanami_socket_targets=lambda: [Target()]),
            plugin("b", hanami_socket_targets=lambda: [Target()]),
            plugin("c", hanami_socket_targets=lambda: boom()),
            plugin("d", hanami_socket_targets=lambda: [Unguarded()]),  # type: ignore[abstract]
            plugin("e", hanami_socket_targets=lambda: [Loose()]),
        ]
    )
    assert list(host.socket_targets()) == ["echo"]
    assert [state(host, name)[0] for name in "bcde"] == ["broken"] * 4
    assert "action" in state(host, "d")[1]


def test_hook_hanami_event() -> None:
    seen: list[Event] = []
    points = [
        plugin("bad", hanami_event=lambda event: boom()),
        plugin("good", hanami_event=lambda event: seen.append(event)),
    ]
    host, event = PluginHost(points), CallAllowed(actor=ACTOR, endpoint="v1/note", method="POST")
    host.event(None, event)
    host.event(None, event)
    assert seen == [event, event]
    assert (host.plugins["bad"].failures, host.plugins["good"].failures) == (2, 0)
    assert state(host, "bad") == ("degraded", "failed in hanami_event: ValueError: boom")


def test_hook_hanami_metrics() -> None:
    sample = Sample("notes_active", 3)
    points = [
        plugin("good", hanami_metrics=lambda: [sample]),
        plugin("bad", hanami_metrics=lambda runtime: boom()),
        plugin("wrong", hanami_metrics=lambda: [3]),
    ]
    host = PluginHost(points)
    assert host.metrics(None) == [sample]
    assert state(host, "bad") == ("degraded", "failed in hanami_metrics: ValueError: boom")
    assert state(host, "wrong")[0] == "degraded"


def test_hook_hanami_checks() -> None:
    check = Check("mine", lambda: [Finding("here", "bad")])
    points = [plugin("good", hanami_checks=lambda: [check]), plugin("bad", hanami_checks=lambda runtime: boom())]
    host = PluginHost(points)
    assert [(c.plugin.name, c.item) for c in host.checks(None)] == [("good", check)]
    assert state(host, "bad") == ("degraded", "failed in hanami_checks: ValueError: boom")


def test_events_have_different_names() -> None:
    kinds = [kind for name in events.__all__ if (kind := getattr(events, name)) is not Event]
    assert len({kind.name for kind in kinds}) == len(kinds) == 12
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+", kind.name) for kind in kinds)


class Directory:
    """Knows nobody."""

    def has_admin(self) -> bool:
        return False

    def create_admin(self, id: str, name: str, secret: str) -> None:
        raise BadRequest("id_too_short")

    def find(self, user_id: str) -> None:
        return None

    def verify(self, user_id: str, secret: str | bytes, address: str) -> Any:
        raise Unauthorized("login_denied")

    def memberships(self, account: object) -> list[Any]:
        return []


def test_hook_hanami_identity() -> None:
    directory = Directory()
    host = PluginHost([plugin("a", hanami_identity=lambda: None), plugin("b", hanami_identity=lambda: directory)])
    assert host.identity(None) is directory
    assert PluginHost([]).identity(None) is None
    for bad in (boom, lambda: object()):
        with pytest.raises((StartupError, PluginError)):
            PluginHost([plugin("a", hanami_identity=bad)]).identity(None)


def test_hook_hanami_apis() -> None:
    host = PluginHost([plugin("a", hanami_apis=lambda: [Api("one", "/one"), Api("two", "/two")])])
    assert sorted(host.apis(None)) == ["one", "two"]


@pytest.mark.parametrize(("other", "reason"), [(Api("one", "/else"), "one is taken"), (Api("else", "/one"), "prefix")])
def test_hook_hanami_apis_refuses_what_is_taken(other: Api, reason: str) -> None:
    host = PluginHost([plugin("a", hanami_apis=lambda: [Api("one", "/one")]), plugin("b", hanami_apis=lambda: [other])])
    assert list(host.apis(None)) == ["one"]
    assert reason in host.plugins["b"].reason


def test_a_route_can_not_be_built_without_an_action() -> None:
    class Loose(msgspec.Struct):
        name: str

    def make(**changes: Any) -> Route:
        fields: dict[str, Any] = {"method": "GET", "path": "/v1/note", "action": "notes.get", "request": Empty}
        return Route(**(fields | changes), response=Empty, handler=lambda call, request: {})

    make()
    make(method="PATCH", path="/{id:int}/image")
    make(path="", request=None)
    for change in ({"action": ""}, {"method": "FETCH"}, {"path": "v1"}, {"path": "/{id"}, {"request": Loose}):
        with pytest.raises(Exception, match="route"):
            make(**change)
