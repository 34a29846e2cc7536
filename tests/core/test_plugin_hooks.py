"""The plugin host: failure policies of the hooks for settings, life, storage, identity and data."""

from __future__ import annotations

from typing import Any

import peewee
import pytest

from hanami_core.access import Rule
from hanami_core.admission import Claim
from hanami_core.errors import Conflict, StartupError, Unauthorized, Unavailable
from hanami_core.plugin_host import EntryPoint, PluginHost
from hanami_core.settings import Setting
from hanami_core.storage.contract import StorageContext
from hanami_core.storage.database import RecordGuard
from hanami_core.storage.opening import open_database
from tests.core.plugin_kit import ACTION, ACTOR, SETTINGS, boom, boom_runtime, broken_import, plugin, state


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


def test_hook_hanami_record_guards() -> None:
    guard = RecordGuard("teams", boom)
    points = [
        plugin("a", hanami_record_guards=lambda runtime: [guard]),
        plugin("taken", hanami_record_guards=lambda: [RecordGuard("teams", print)]),
        plugin("wrong", hanami_record_guards=lambda: ["teams"]),
    ]
    host = PluginHost(points)
    assert dict(host.record_guards(None)) == {"teams": guard}  # type: ignore[arg-type]
    assert state(host, "taken") == ("broken", "hanami_record_guards: teams is taken by plugin a")
    assert state(host, "wrong") == ("broken", "hanami_record_guards returned str, expected RecordGuard")


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


CLAIM = Claim("ada", "room", "things")


def refuse() -> None:
    raise Conflict("quota_exhausted")


def test_hook_hanami_admit() -> None:
    seen: list[Claim] = []
    host = PluginHost([plugin("a", hanami_admit=lambda claim: seen.append(claim))])
    host.admit(None, CLAIM)  # type: ignore[arg-type]
    assert seen == [CLAIM]


def test_hook_hanami_admit_refuses_with_the_error_of_the_plugin() -> None:
    host = PluginHost([plugin("a", hanami_admit=refuse), plugin("b", hanami_admit=lambda claim: None)])
    with pytest.raises(Conflict, match="quota_exhausted"):
        host.admit(None, CLAIM)  # type: ignore[arg-type]
    assert host.plugins["a"].failures == 0


@pytest.mark.parametrize("implementation", [boom, lambda: quit()])
def test_hook_hanami_admit_fails_closed(implementation: Any) -> None:
    host = PluginHost([plugin("a", hanami_admit=implementation)])
    with pytest.raises(Unavailable, match="admission failed"):
        host.admit(None, CLAIM)  # type: ignore[arg-type]
    assert host.plugins["a"].failures == 1


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
