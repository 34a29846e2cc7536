"""The plugin host: loading, failure policies of every hook, listing."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import msgspec
import peewee
import pytest

from hanami_core import hookimpl
from hanami_core.access import Action, Actor, Rule
from hanami_core.errors import BadRequest, SettingsError, StartupError, Unauthorized
from hanami_core.events import CallMade, Event
from hanami_core.http.routes import Empty, Route
from hanami_core.plugin_host import EntryPoint, Plugin, PluginHost, read_disabled, write_disabled
from hanami_core.queue import TaskKind
from hanami_core.settings import Setting, Settings
from hanami_core.sockets import SocketTarget

ACTOR = Actor("alice", "Alice", "proj", "member")
ACTION = Action("notes.get", "GET", "v1/note", "read", ("member",))
SETTINGS = Settings(Path("/nowhere"), {}, {}, {})


def plugin(name: str, distribution: str = "third", **attributes: Any) -> EntryPoint:
    """Return an entry point whose module has the given attributes; functions become hook implementations."""
    module = types.ModuleType(f"plugin_{name}")
    for key, value in attributes.items():
        setattr(module, key, hookimpl(value) if key.startswith("hanami_") else value)
    return EntryPoint(name, distribution, "1.0", lambda: module)


def broken_import() -> Any:
    raise ImportError("no module named parquet")


def boom(**arguments: Any) -> Any:
    raise ValueError("boom\nsecond line")


def nothing() -> list[Any]:
    return []


def state(host: PluginHost, name: str) -> tuple[str, str]:
    return host.plugins[name].state, host.plugins[name].reason


def test_a_plugin_that_raises_on_import_is_listed_and_the_rest_works() -> None:
    host = PluginHost([EntryPoint("bad", "third", "1", broken_import), plugin("good", hanami_task_kinds=nothing)])
    assert state(host, "bad") == ("broken", "ImportError: no module named parquet")
    assert state(host, "good") == ("active", "")


def test_a_disabled_plugin_is_not_even_imported() -> None:
    host = PluginHost([EntryPoint("bad", "third", "1", broken_import)], {"bad"})
    assert state(host, "bad") == ("disabled", "disabled by the operator")


def test_a_taken_name_is_refused() -> None:
    host = PluginHost([plugin("same", "hanami"), plugin("same", "third")])
    assert host.plugins["same"].distribution == "hanami"
    assert [(p.distribution, p.reason) for p in host.refused] == [("third", "the name is taken by distribution hanami")]


def test_disabling_a_plugin_disables_what_requires_it() -> None:
    points = [plugin("a"), plugin("b", requires=("a",)), plugin("c", requires=("b",)), plugin("d", requires=("zz",))]
    host = PluginHost(points, {"a"})
    assert state(host, "b") == ("disabled", "requires a, which is disabled")
    assert state(host, "c") == ("disabled", "requires b, which is disabled")
    assert state(host, "d") == ("disabled", "requires zz, which is not installed")


def test_a_circle_of_requirements_is_broken() -> None:
    host = PluginHost([plugin("a", requires=("b",)), plugin("b", requires=("a",))])
    assert state(host, "a") == ("broken", "requires itself in a circle")
    assert not host.plugins["b"].works


def test_an_unknown_hook_breaks_the_plugin() -> None:
    host = PluginHost([plugin("a", hanami_telepathy=lambda: None)])
    assert state(host, "a")[0] == "broken"
    assert "hanami_telepathy" in state(host, "a")[1]


def test_a_wrong_signature_breaks_the_plugin() -> None:
    host = PluginHost([plugin("a", hanami_models=lambda surprise: [])])
    assert state(host, "a")[0] == "broken"


def test_disabled_names_survive(tmp_path: Path) -> None:
    assert read_disabled(tmp_path) == frozenset()
    write_disabled(tmp_path, {"b", "a"})
    assert read_disabled(tmp_path) == {"a", "b"}


def test_a_damaged_list_of_disabled_names_is_reported(tmp_path: Path) -> None:
    (tmp_path / "plugins.json").write_text("[]")
    with pytest.raises(SettingsError, match=r"plugins\.json"):
        read_disabled(tmp_path)


def test_hook_hanami_settings() -> None:
    good = Setting("good.size", int, 1, "Size")
    points = [
        plugin("good", hanami_settings=lambda: [good]),
        plugin("raises", hanami_settings=lambda: boom()),
        plugin("wrong", hanami_settings=lambda: ["size"]),
        plugin("foreign", hanami_settings=lambda: [Setting("good.other", int, 1, "")]),
    ]
    host = PluginHost(points)
    assert host.settings() == [good]
    assert state(host, "raises") == ("broken", "ValueError: boom")
    assert state(host, "wrong")[1] == "PluginError: hanami_settings returned str, expected Setting"
    assert "does not begin with foreign." in state(host, "foreign")[1]


def test_hook_hanami_settings_of_an_essential_plugin_refuses_the_start() -> None:
    host = PluginHost([plugin("raises", essential=True, hanami_settings=lambda: boom())])
    with pytest.raises(StartupError, match="plugin raises: ValueError: boom"):
        host.settings()


def test_hook_hanami_startup() -> None:
    seen: list[object] = []
    points = [
        plugin("good", hanami_startup=lambda runtime: seen.append(runtime)),
        plugin("bad", hanami_startup=boom_runtime),
    ]
    host = PluginHost([*points, plugin("needs", requires=("bad",))])
    host.startup("runtime")
    assert seen == ["runtime"]
    assert state(host, "bad") == ("broken", "ValueError: boom")
    assert state(host, "needs") == ("disabled", "requires bad, which is broken")


def boom_runtime(runtime: object) -> None:
    boom()


def test_hook_hanami_startup_of_an_essential_plugin_refuses_the_start() -> None:
    with pytest.raises(StartupError, match="plugin bad"):
        PluginHost([plugin("bad", essential=True, hanami_startup=boom_runtime)]).startup(None)


def test_hook_hanami_shutdown() -> None:
    seen: list[object] = []
    host = PluginHost(
        [
            plugin("bad", hanami_shutdown=boom_runtime),
            plugin("good", hanami_shutdown=lambda runtime: seen.append(runtime)),
        ]
    )
    host.shutdown("runtime")
    assert seen == ["runtime"]


def test_hook_hanami_database() -> None:
    wanted = peewee.SqliteDatabase(":memory:")
    host = PluginHost(
        [plugin("a", hanami_database=lambda settings: None), plugin("b", hanami_database=lambda settings: wanted)]
    )
    assert host.database(SETTINGS) is wanted


@pytest.mark.parametrize("implementation", [lambda settings: boom(), lambda settings: "sqlite", lambda settings: None])
def test_hook_hanami_database_failing_refuses_the_start(implementation: Any) -> None:
    with pytest.raises(StartupError, match=r"plugin a|no plugin provides a database"):
        PluginHost([plugin("a", hanami_database=implementation)]).database(SETTINGS)


def test_without_a_database_the_broken_plugins_are_named() -> None:
    host = PluginHost([EntryPoint("postgres", "third", "1", broken_import)])
    with pytest.raises(StartupError, match="postgres: ImportError: no module named parquet"):
        host.database(SETTINGS)


def test_hook_hanami_models() -> None:
    class Note(peewee.Model):
        pass

    assert PluginHost([plugin("a", hanami_models=lambda: [Note])]).models() == {"a": [Note]}
    for bad in (lambda: boom(), lambda: ["notes"]):
        with pytest.raises(StartupError, match="plugin a"):
            PluginHost([plugin("a", hanami_models=bad)]).models()


@pytest.mark.parametrize("implementation", [lambda settings: boom(), lambda settings: object()])
def test_hook_hanami_blob_store_failing_refuses_the_start(implementation: Any) -> None:
    with pytest.raises(StartupError, match="plugin a"):
        PluginHost([plugin("a", hanami_blob_store=implementation)]).blob_store(SETTINGS)


def test_hook_hanami_authenticate() -> None:
    points = [
        plugin("a", hanami_authenticate=lambda runtime, token: ACTOR if token == "mine" else None),
        plugin("b", hanami_authenticate=lambda runtime, token: ACTOR if token == "other" else None),
    ]
    host = PluginHost(points)
    assert host.authenticate(None, "mine") == ACTOR
    assert host.authenticate(None, "other") == ACTOR
    with pytest.raises(Unauthorized, match="invalid token supplied"):
        host.authenticate(None, "nobody")


@pytest.mark.parametrize("implementation", [lambda token: boom(), lambda token: {"is_admin": True}])
def test_hook_hanami_authenticate_fails_closed(implementation: Any) -> None:
    later = plugin("z", hanami_authenticate=lambda token: ACTOR)
    first = plugin("a", hanami_authenticate=implementation)
    with pytest.raises(Unauthorized):
        PluginHost([later, first]).authenticate(None, "x")


def test_hook_hanami_authenticate_keeps_the_reason_of_a_refusal() -> None:
    def expired(token: str) -> None:
        raise Unauthorized("token expired")

    with pytest.raises(Unauthorized, match="token expired"):
        PluginHost([plugin("a", hanami_authenticate=expired)]).authenticate(None, "x")


def test_hook_hanami_rules() -> None:
    rule = Rule(True, "because")
    assert PluginHost([plugin("a", hanami_rules=lambda actor, action: [rule])]).rules(ACTOR, ACTION) == [rule]


@pytest.mark.parametrize("implementation", [lambda actor: boom(), lambda actor: [True], lambda actor: None])
def test_hook_hanami_rules_fails_closed(implementation: Any) -> None:
    host = PluginHost([plugin("bad", hanami_rules=implementation), plugin("ok", hanami_rules=lambda: [Rule(True)])])
    assert Rule(False, "Access denied by policy") in host.rules(ACTOR, ACTION)


class Format:
    parts = ("input",)

    def __init__(self, name: str) -> None:
        self.name = name

    def decode(self, files: object, table: object) -> None:
        raise AssertionError("not called")


def test_hook_hanami_dataset_formats() -> None:
    points = [
        plugin("a", hanami_dataset_formats=lambda: [Format("csv")]),
        plugin("b", hanami_dataset_formats=lambda: [Format("xml"), Format("csv")]),
        plugin("c", hanami_dataset_formats=lambda: boom()),
        plugin("d", hanami_dataset_formats=lambda: ["json"]),
    ]
    host = PluginHost(points)
    assert set(host.dataset_formats()) == {"csv"}
    assert state(host, "b") == ("degraded", "PluginError: hanami_dataset_formats: csv is taken by plugin a")
    assert state(host, "c") == ("degraded", "ValueError: boom")
    assert state(host, "d")[0] == "degraded"


@pytest.mark.parametrize(
    ("hook", "call"),
    [
        ("hanami_compute_hosts", lambda host: host.compute_hosts(SETTINGS)),
        ("hanami_network_rules", lambda host: host.network_rules()),
        ("hanami_template_dialects", lambda host: host.template_dialects()),
        ("hanami_task_kinds", lambda host: host.task_kinds()),
        ("hanami_dataset_formats", lambda host: host.dataset_formats()),
    ],
)
@pytest.mark.parametrize("implementation", [lambda: boom(), lambda: [42], lambda: 42])
def test_data_and_compute_hooks_switch_off_what_fails(hook: str, call: Any, implementation: Any) -> None:
    host = PluginHost([plugin("bad", **{hook: implementation})])
    assert call(host) == {}
    assert state(host, "bad")[0] == "degraded"


def test_hook_hanami_task_kinds() -> None:
    kind = TaskKind("mine", lambda job: None)
    assert PluginHost([plugin("a", hanami_task_kinds=lambda: [kind])]).task_kinds() == {"mine": kind}


class Host:
    def __init__(self, name: str) -> None:
        self.name, self.kind, self.uuid = name, "cpu", "u"

    def start(self, cache: Path) -> None:
        raise AssertionError("not called")


def test_hook_hanami_compute_hosts() -> None:
    hosts = PluginHost([plugin("a", hanami_compute_hosts=lambda settings: [Host("cpu0"), Host("cpu1")])])
    assert list(hosts.compute_hosts(SETTINGS)) == ["cpu0", "cpu1"]


class Rules:
    name, host_kind = "section", "cpu"

    def refuses(self, template: object) -> None: ...
    def create(self, template: object, seed: int) -> None: ...
    def open(self, state: object, host: object) -> None: ...


def test_hook_hanami_network_rules() -> None:
    host = PluginHost([plugin("a", hanami_network_rules=lambda: [Rules()])])
    assert list(host.network_rules()) == [("section", "cpu")]


class Dialect:
    name = "mine"

    def recognises(self, text: str) -> bool:
        return False

    def parse(self, text: str) -> None: ...


def test_hook_hanami_template_dialects() -> None:
    assert list(PluginHost([plugin("a", hanami_template_dialects=lambda: [Dialect()])]).template_dialects()) == ["mine"]


def route(path: str = "/v1/note", method: str = "GET") -> Route:
    return Route(method, path, "notes.get", Empty, Empty, lambda call, request: {})


def test_hook_hanami_routes() -> None:
    points = [
        plugin("a", hanami_routes=lambda runtime: [route()]),
        plugin("b", hanami_routes=lambda runtime: [route("/v1/other"), route()]),
        plugin("c", hanami_routes=lambda runtime: boom()),
        plugin("d", hanami_routes=lambda runtime: [("GET", "/")]),
    ]
    host = PluginHost(points)
    assert [r.path for r in host.routes(None)] == ["/v1/note"]
    assert state(host, "b") == ("broken", "PluginError: hanami_routes: ('GET', '/v1/note') is taken by plugin a")
    assert state(host, "c")[0] == state(host, "d")[0] == "broken"


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
    host, event = PluginHost(points), CallMade(actor=ACTOR, endpoint="v1/note", method="POST")
    host.event(None, event)
    host.event(None, event)
    assert seen == [event, event]
    assert (host.plugins["bad"].missed, host.plugins["good"].missed) == (2, 0)
    assert state(host, "bad") == ("active", "")


def test_events_have_different_names() -> None:
    kinds = Event.__subclasses__()
    assert len({kind.name for kind in kinds}) == len(kinds) == 2


def test_hook_hanami_admin() -> None:
    host = PluginHost(
        [plugin("a", hanami_admin=lambda first: first is not None), plugin("b", hanami_admin=lambda: None)]
    )
    assert host.admin(None, None) is False
    assert host.admin(None, ("asdf", "asdf", "asdfasdf")) is True
    assert PluginHost([]).admin(None, None) is False


def test_hook_hanami_admin_keeps_the_reason_of_a_bad_field() -> None:
    def refuse(first: object) -> None:
        raise BadRequest("id is too short")

    with pytest.raises(BadRequest, match="id is too short"):
        PluginHost([plugin("a", hanami_admin=refuse)]).admin(None, ("a", "b", "c"))
    with pytest.raises(StartupError):
        PluginHost([plugin("a", hanami_admin=lambda: boom())]).admin(None, None)


def test_a_route_can_not_be_built_without_an_action() -> None:
    class Loose(msgspec.Struct):
        name: str

    def make(**changes: Any) -> Route:
        fields: dict[str, Any] = {"method": "GET", "path": "/v1/note", "action": "notes.get", "request": Empty}
        return Route(**(fields | changes), response=Empty, handler=lambda call, request: {})

    make()
    for change in ({"action": ""}, {"method": "PATCH"}, {"path": "v1"}, {"path": "/{id}"}, {"request": Loose}):
        with pytest.raises(Exception, match="route"):
            make(**change)


def test_plugins_tell_where_they_come_from() -> None:
    host = PluginHost([plugin("a", hanami_task_kinds=nothing, hanami_models=nothing)])
    found: Plugin = host.plugins["a"]
    assert (found.distribution, found.version, found.hooks) == ("third", "1.0", ("hanami_models", "hanami_task_kinds"))
