"""The plugin host: loading, failure policies of every hook, listing."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import peewee
import pytest

from hanami_core import events, hookimpl, hookspec
from hanami_core.access import Action, Actor, Rule
from hanami_core.checks import Check, Finding
from hanami_core.compute import HostContext
from hanami_core.errors import BadRequest, PluginError, SettingsError, StartupError, Unauthorized
from hanami_core.events import CallAllowed, Event
from hanami_core.http import Api, Empty, Route
from hanami_core.metrics import Sample
from hanami_core.network.declared import NoSettings
from hanami_core.plugin_host import EntryPoint, Plugin, PluginHost, read_disabled, write_disabled
from hanami_core.processes import Process
from hanami_core.queue import TaskKind
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting, Settings
from hanami_core.sockets import SocketTarget
from hanami_core.storage.contract import StorageContext
from hanami_core.storage.opening import open_database

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
    host = PluginHost([plugin("a", hanami_models=lambda surprise: []), plugin("b", hanami_startup=lambda it: None)])
    assert state(host, "a") == ("broken", "hanami_models has no argument 'surprise', it offers none")
    assert state(host, "b") == ("broken", "hanami_startup has no argument 'it', it offers runtime")


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
    assert state(host, "wrong")[1] == "hanami_settings returned str, expected Setting"
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
    host.startup("runtime")
    host.shutdown("runtime")
    assert seen == ["runtime"]
    assert state(host, "bad") == ("degraded", "failed in hanami_shutdown: ValueError: boom")
    host.shutdown("runtime")
    assert seen == ["runtime"], "who was shut down is not running any more"


class Backend:
    """Opens nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, context: object) -> object:
        raise OSError("no route to the server")


STORAGE = [("hanami_databases", "databases"), ("hanami_blob_stores", "blob_stores")]


@pytest.mark.parametrize(("hook", "method"), STORAGE)
def test_storage_is_found_by_name(hook: str, method: str) -> None:
    first, second, third = Backend("one"), Backend("two"), Backend("one")
    points = [
        plugin("a", **{hook: lambda settings: [first]}),
        plugin("b", **{hook: lambda: [second]}),
        plugin("c", **{hook: lambda: [third]}),
        plugin("d", **{hook: lambda: boom()}),
        plugin("e", **{hook: lambda: ["sqlite"]}),
    ]
    host = PluginHost(points)
    assert getattr(host, method)(SETTINGS) == {"one": first, "two": second}
    assert state(host, "c") == ("broken", f"{hook}: one is taken by plugin a")
    assert state(host, "d") == ("broken", "ValueError: boom")
    assert state(host, "e")[0] == "broken"


def test_without_the_chosen_database_the_broken_plugins_are_named(context: StorageContext) -> None:
    host = PluginHost([EntryPoint("postgres", "third", "1", broken_import)])
    with pytest.raises(StartupError) as caught:
        open_database(host.databases(SETTINGS), context, host.broken())
    line = "storage.database is 'sqlite', but no plugin brings a database of that name; known: none"
    assert str(caught.value) == f"{line} (postgres: ImportError: no module named parquet)"


def test_a_database_that_can_not_be_opened_refuses_the_start(context: StorageContext) -> None:
    with pytest.raises(StartupError, match="database 'sqlite': OSError: no route to the server"):
        open_database({"sqlite": Backend("sqlite")}, context)  # type: ignore[dict-item]
    wrong = Backend("sqlite")
    wrong.open = lambda context: "a file"  # type: ignore[method-assign]
    with pytest.raises(StartupError, match="database 'sqlite': the backend returned str, no Database"):
        open_database({"sqlite": wrong}, context)  # type: ignore[dict-item]


def test_hook_hanami_models() -> None:
    class Note(peewee.Model):
        pass

    points = [plugin("a", hanami_models=lambda: [Note])]
    models = PluginHost(points).models()
    assert dict(models) == {"note": Note}
    assert models.owner("note").name == "a"
    for bad in (lambda: boom(), lambda: ["notes"], lambda: [int]):
        with pytest.raises(StartupError, match="plugin a"):
            PluginHost([plugin("a", hanami_models=bad)]).models()


class Scheme:
    """Knows one credential."""

    def __init__(self, name: str, answer: Any = ACTOR) -> None:
        self.name, self.answer = name, answer

    def identify(self, request: object) -> Any:
        return self.answer() if callable(self.answer) else self.answer


def test_hook_hanami_authenticators() -> None:
    host = PluginHost([plugin("a", hanami_authenticators=lambda runtime: [Scheme("one"), Scheme("two")])])
    found = host.authenticators(None)
    assert sorted(found) == ["one", "two"]
    assert host.identify(found["one"], None) == ACTOR  # type: ignore[arg-type]


def test_hook_hanami_authenticators_refuses_a_scheme_that_is_taken() -> None:
    host = PluginHost([plugin(name, hanami_authenticators=lambda: [Scheme("one")]) for name in ("a", "b")])
    assert list(host.authenticators(None)) == ["one"]
    assert host.plugins["b"].reason == "hanami_authenticators: one is taken by plugin a"


@pytest.mark.parametrize("answer", [boom, lambda: {"is_admin": True}])
def test_a_scheme_that_fails_lets_nobody_in(answer: Any) -> None:
    host = PluginHost([plugin("a", hanami_authenticators=lambda: [Scheme("one", answer)])])
    with pytest.raises(Unauthorized, match="credential_invalid"):
        host.identify(host.authenticators(None)["one"], None)  # type: ignore[arg-type]


def test_a_scheme_keeps_the_reason_of_a_refusal() -> None:
    def expired() -> None:
        raise Unauthorized("credential_expired")

    host = PluginHost([plugin("a", hanami_authenticators=lambda: [Scheme("one", expired)])])
    with pytest.raises(Unauthorized, match="credential_expired"):
        host.identify(host.authenticators(None)["one"], None)  # type: ignore[arg-type]


def test_hook_hanami_access_rules() -> None:
    rule = Rule(True, "because")
    host = PluginHost([plugin("a", hanami_access_rules=lambda actor, action: [rule])])
    assert host.access_rules(ACTOR, ACTION) == [rule]


@pytest.mark.parametrize("implementation", [lambda actor: boom(), lambda actor: [True], lambda actor: None])
def test_hook_hanami_access_rules_fails_closed(implementation: Any) -> None:
    points = [
        plugin("bad", hanami_access_rules=implementation),
        plugin("ok", hanami_access_rules=lambda: [Rule(True)]),
    ]
    assert Rule(False, "access_denied") in PluginHost(points).access_rules(ACTOR, ACTION)


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
    assert state(host, "b") == ("broken", "hanami_dataset_formats: csv is taken by plugin a")
    assert state(host, "c") == ("broken", "ValueError: boom")
    assert state(host, "d") == ("broken", "hanami_dataset_formats returned str, expected DatasetFormat")


@pytest.mark.parametrize(
    ("hook", "call"),
    [
        ("hanami_compute_hosts", lambda host: host.compute_hosts(SETTINGS)),
        ("hanami_network_rules", lambda host: host.network_rules()),
        ("hanami_template_dialects", lambda host: host.template_dialects()),
        ("hanami_task_kinds", lambda host: host.task_kinds()),
        ("hanami_dataset_formats", lambda host: host.dataset_formats()),
        ("hanami_socket_targets", lambda host: host.socket_targets()),
        ("hanami_routes", lambda host: dict.fromkeys(host.routes(None, {}))),
    ],
)
@pytest.mark.parametrize("implementation", [lambda: boom(), lambda: [42], lambda: 42])
def test_a_plugin_that_fails_in_a_registry_is_broken(hook: str, call: Any, implementation: Any) -> None:
    host = PluginHost([plugin("bad", **{hook: implementation})])
    assert call(host) == {}
    assert state(host, "bad")[0] == "broken"
    with pytest.raises(StartupError, match="plugin bad: "):
        call(PluginHost([plugin("bad", essential=True, **{hook: implementation})]))


def test_hook_hanami_task_kinds() -> None:
    kind = TaskKind("mine", lambda job: None)
    assert PluginHost([plugin("a", hanami_task_kinds=lambda: [kind])]).task_kinds() == {"mine": kind}


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
    assert len({kind.name for kind in kinds}) == len(kinds) == 11
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


def test_plugins_tell_where_they_come_from() -> None:
    host = PluginHost([plugin("a", hanami_task_kinds=nothing, hanami_models=nothing)])
    found: Plugin = host.plugins["a"]
    assert (found.distribution, found.version, found.hooks) == ("third", "1.0", ("hanami_models", "hanami_task_kinds"))


# -- hooks of plugins -------------------------------------------------------------------------------------------------


def panels(**options: Any) -> Any:
    """Return a specification; a new one each time, because marking it changes it."""
    return hookspec(lambda note, colour: None, **options)


def declaring(name: str = "notes", **functions: Any) -> EntryPoint:
    """Return a plugin that declares hooks."""
    own = functions or {"notes_panels": panels()}
    specifications = types.SimpleNamespace(**own)
    return plugin(name, hanami_hookspecs=lambda: specifications)


def implementing(name: str, function: Any, hook: str = "notes_panels", **options: Any) -> EntryPoint:
    """Return a plugin that implements a hook of another plugin."""
    return plugin(name, **{hook: hookimpl(function, **options)})


def test_hook_hanami_hookspecs() -> None:
    points = [
        implementing("first", lambda note: f"first {note}"),
        implementing("bad", lambda note: boom()),
        implementing("leaving", lambda: sys.exit(3)),
        implementing("second", lambda colour, note: f"second {note} {colour}"),
        declaring(),
    ]
    host = PluginHost(points)
    for _ in range(2):
        found = host.extension("notes_panels", note="n", colour="red")
        assert [(c.plugin.name, c.item) for c in found] == [("first", "first n"), ("second", "second n red")]
    assert state(host, "bad") == ("degraded", "failed in notes_panels: ValueError: boom")
    assert state(host, "leaving") == ("degraded", "failed in notes_panels: SystemExit: 3")
    assert host.plugins["bad"].failures == 2
    assert host.plugins["first"].hooks == ("notes_panels",)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([], "implements notes_panels, which no installed plugin declares"),
        ([plugin("notes")], "implements notes_panels, a hook of plugin notes, which does not declare it"),
        ([EntryPoint("notes", "third", "1", broken_import)],
         "implements notes_panels, a hook of plugin notes, which is broken"),
        ([declaring(notes_panels=hookspec(lambda it: None))], "notes_panels has no argument 'note', it offers it"),
    ],
)  # fmt: skip
def test_an_implementation_of_a_missing_hook_breaks_its_plugin(points: list[EntryPoint], reason: str) -> None:
    host = PluginHost([*points, implementing("guest", lambda note: note)])
    assert state(host, "guest") == ("broken", reason)


def test_an_optional_implementation_of_a_missing_hook_is_no_error() -> None:
    guest = implementing("guest", lambda note: note, optionalhook=True)
    assert state(PluginHost([guest]), "guest") == ("active", "")
    host = PluginHost([guest, declaring()])
    assert [c.item for c in host.extension("notes_panels", note=1, colour=2)] == [1]


def test_a_plugin_goes_with_the_one_whose_hook_it_implements() -> None:
    seen: list[str] = []
    owner = plugin(
        "notes",
        hanami_hookspecs=lambda: types.SimpleNamespace(notes_panels=panels()),
        hanami_routes=lambda: boom(),
    )
    guest = plugin("guest", hanami_shutdown=lambda: seen.append("guest"), notes_panels=hookimpl(lambda note: note))
    polite = implementing("polite", lambda note: note, optionalhook=True)
    host = PluginHost([guest, polite, owner])
    host.startup(None)
    host.routes(None, {})
    assert state(host, "guest") == ("broken", "implements notes_panels, a hook of plugin notes, which is broken")
    assert state(host, "polite") == ("active", "")
    assert seen == ["guest"]
    with pytest.raises(PluginError, match="no working plugin declares the hook notes_panels"):
        host.extension("notes_panels", note=1, colour=2)


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        (lambda: types.SimpleNamespace(panels=panels()), "hanami_hookspecs: panels does not begin with notes_"),
        (lambda: types.SimpleNamespace(hanami_panels=panels()), "hanami_panels does not begin with notes_"),
        (
            lambda: types.SimpleNamespace(notes_panels=lambda note: None),
            "returned nothing that is marked with hookspec",
        ),
        (lambda: None, "returned nothing that is marked with hookspec"),
        (lambda: boom(), "ValueError: boom"),
        (lambda: types.SimpleNamespace(notes_one=panels(firstresult=True)), "can be neither firstresult"),
    ],
)
def test_hooks_that_can_not_be_declared_break_their_plugin(declaration: Any, reason: str) -> None:
    host = PluginHost([plugin("notes", hanami_hookspecs=declaration)])
    assert state(host, "notes")[0] == "broken"
    assert reason in state(host, "notes")[1]


def test_a_hook_that_two_plugins_declare_breaks_the_later_one() -> None:
    host = PluginHost(
        [declaring("notes", notes_book_pages=panels()), declaring("notes_book", notes_book_pages=panels())]
    )
    assert state(host, "notes_book") == ("broken", "hanami_hookspecs: notes_book_pages is taken by plugin notes")


def test_a_hook_of_a_plugin_is_called_as_it_is_declared() -> None:
    with pytest.raises(PluginError, match=r"called with \(note\) and declared with \(note, colour\)"):
        PluginHost([declaring()]).extension("notes_panels", note=1)
