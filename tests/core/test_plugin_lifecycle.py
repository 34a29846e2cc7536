"""The life of a plugin as a transaction, with plugins that are real modules in a runtime with a real database."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from hanami_core.errors import PluginError, SettingsError, StartupError
from hanami_core.plugin_host import EntryPoint
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.database import proxy
from hanami_core.testing.prepared import prepare
from tests.plugins import data

HEAD = """
import sys, types
import peewee
from hanami_core import hookimpl
import msgspec
from hanami_core.access import Action
from hanami_core.http import Api, Empty, Route
from hanami_core.processes import Process
from hanami_core.queue import TaskKind
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.storage.database import BaseModel, OwnedRecord, RecordGuard

log = []
"""

EVERYTHING = """
class Thing(OwnedRecord):
    pass

class Format:
    name, parts = "{name}", ("input",)
    def decode(self, files, table): ...

class Host:
    name, kind = "{name}", "{name}"
    def start(self, context): ...
    def stop(self): ...
    def describe(self): ...

class Rules:
    name, host_kind, settings = "{name}", "{name}", type("Own", (msgspec.Struct,), {{}})
    def refuses(self, template): ...
    def create(self, template, seed): ...
    def open(self, state, host): ...

class Dialect:
    name = "{name}"
    def recognises(self, text): ...
    def parse(self, text, declarations): ...

class Target:
    name, action, path, blocking = "{name}", Action("{name}.open", "GET", "", "read", ()), "", False
    def host(self, runtime, uuid): ...
    def open(self, runtime, access, uuid, connection): ...
    def withdrawn(self, runtime, access, opened): ...

class Scheme:
    name = "{name}"
    def identify(self, request): ...

class Backend:
    name = "{name}"
    def open(self, context): ...

def answer(call, request):
    return {{}}

@hookimpl
def hanami_settings(): return [Setting("{name}.size", int, 1, "Size")]

@hookimpl
def hanami_models(): return [Thing]

@hookimpl
def hanami_startup(runtime): log.append("{name} starts")

@hookimpl
def hanami_shutdown(runtime): log.append("{name} ends")

@hookimpl
def hanami_dataset_formats(): return [Format()]

@hookimpl
def hanami_compute_hosts(): return [Host()]

@hookimpl
def hanami_network_rules(): return [Rules()]

@hookimpl
def hanami_template_dialects(): return [Dialect()]

@hookimpl
def hanami_task_kinds(): return [TaskKind("{name}", print)]

@hookimpl
def hanami_socket_targets(): return [Target()]

@hookimpl
def hanami_databases(): return [Backend()]

@hookimpl
def hanami_blob_stores(): return [Backend()]

@hookimpl
def hanami_authenticators(): return [Scheme()]

@hookimpl
def hanami_apis(): return [Api("{name}", "/{name}")]

@hookimpl
def hanami_processes(): return [Process("{name}", "third_{name}:run")]

@hookimpl
def hanami_schedules(): return [Schedule("{name}", 60.0, print)]

@hookimpl
def hanami_record_guards(): return [RecordGuard("{name}", print)]

@hookimpl
def hanami_routes(): return [Route("GET", "/{name}", "{name}.get", Empty, Empty, answer)]
"""
REGISTRIES = (
    "models",
    "formats",
    "hosts",
    "rules",
    "dialects",
    "kinds",
    "targets",
    "processes",
    "schedules",
    "record_guards",
    "authenticators",
    "apis",
)
EVERYWHERE = {*REGISTRIES, "routes"}

Install = Callable[..., EntryPoint]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Write a plugin of a third party as a module of its own, and return its entry point."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    names: list[str] = []

    def write(name: str, text: str = "", *, everything: bool = False) -> EntryPoint:
        module = f"third_{name}"
        parts = [HEAD, EVERYTHING.format(name=name).replace("Thing", name.title()) if everything else "", text]
        (folder / f"{module}.py").write_text("\n".join(parts))
        names.append(module)
        importlib.invalidate_caches()
        return EntryPoint(name, "third", "1", partial(importlib.import_module, module), module)

    yield write
    for name in names:
        sys.modules.pop(name, None)


def open_runtime(tmp_path: Path, *points: EntryPoint, role: Role = Role.MIGRATE, **flags: object) -> Runtime:
    directory = tmp_path / "data"
    prepare(directory)
    return Runtime.open(directory, role, flags, {}, data.host(*points))


def log_of(name: str) -> list[str]:
    found: list[str] = sys.modules[f"third_{name}"].log
    return found


def contributed(runtime: Runtime, name: str) -> set[str]:
    """Return where a plugin is to be found."""
    found = {
        registry
        for registry in REGISTRIES
        if any(c.plugin.name == name for c in getattr(runtime, registry).contributions().values())
    }
    return found | ({"routes"} if any(bound.route.action == f"{name}.get" for bound in runtime.routes) else set())


def state(runtime: Runtime, name: str) -> tuple[str, str]:
    plugin = runtime.plugins.plugins[name]
    return str(plugin.state), plugin.reason


def test_a_plugin_that_works_contributes_everything(tmp_path: Path, install: Install) -> None:
    runtime = open_runtime(tmp_path, install("whole", everything=True))
    assert contributed(runtime, "whole") == EVERYWHERE
    assert runtime.routes.get("POST", "/v1.0alpha/dataset/upload/whole") is not None
    assert log_of("whole") == ["whole starts"]
    runtime.close()
    assert log_of("whole") == ["whole starts", "whole ends"]


FAILURES = {
    "raises": ("raise ValueError('boom')", "ValueError: boom"),
    "leaves": ("sys.exit(3)", "SystemExit: 3"),
    "is wrong": ("return [42]", "returned int, expected"),
}
GATHERED = (
    "hanami_record_guards",
    "hanami_authenticators",
    "hanami_apis",
    "hanami_dataset_formats",
    "hanami_compute_hosts",
    "hanami_network_rules",
    "hanami_template_dialects",
    "hanami_task_kinds",
    "hanami_socket_targets",
    "hanami_processes",
    "hanami_schedules",
    "hanami_routes",
)
STORAGE = ("hanami_databases", "hanami_blob_stores")


BREAKS = [
    (hook, failure)
    for hook in ("hanami_settings", *STORAGE, "hanami_startup", *GATHERED)
    for failure in FAILURES
    if (hook, failure) != ("hanami_startup", "is wrong")  # nothing is made of what it returns
]


@pytest.mark.parametrize(("hook", "failure"), BREAKS)
def test_whatever_breaks_takes_everything_back(tmp_path: Path, install: Install, hook: str, failure: str) -> None:
    text, reason = FAILURES[failure]
    bad = install("bad", f"@hookimpl\ndef {hook}(): {text}", everything=True)
    guest = install("guest", "requires = ('bad',)", everything=True)
    runtime = open_runtime(tmp_path, guest, bad, install("good", everything=True))
    assert contributed(runtime, "bad") == contributed(runtime, "guest") == set()
    assert contributed(runtime, "good") == EVERYWHERE
    assert not [bound.path for bound in runtime.routes if bound.path.endswith(("/bad", "/guest"))]
    assert state(runtime, "bad")[0] == "broken"
    assert reason in state(runtime, "bad")[1]
    assert state(runtime, "guest") == ("disabled", "requires bad, which is broken")
    if hook in GATHERED:
        assert log_of("bad") == ["bad starts", "bad ends"]
        assert log_of("guest") == ["guest starts", "guest ends"]
    else:
        assert log_of("bad") == log_of("guest") == []
    runtime.close()
    assert log_of("good") == ["good starts", "good ends"]
    assert log_of("bad").count("bad ends") <= 1


@pytest.mark.parametrize("hook", ["hanami_settings", *STORAGE, "hanami_startup", *GATHERED])
def test_an_essential_plugin_that_breaks_ends_what_was_started(tmp_path: Path, install: Install, hook: str) -> None:
    bad = install("bad", f"essential = True\n@hookimpl\ndef {hook}(): raise ValueError('boom')")
    with pytest.raises(StartupError, match=r"^plugin bad: ValueError: boom$"):
        open_runtime(tmp_path, install("early", everything=True), bad)
    begun = hook not in ("hanami_settings", *STORAGE)
    assert log_of("early") == (["early starts", "early ends"] if begun else [])
    assert proxy.obj is None or proxy.is_closed()


def test_what_an_essential_plugin_needs_is_essential(tmp_path: Path, install: Install) -> None:
    bad = install("bad", "@hookimpl\ndef hanami_routes(): raise ValueError('boom')")
    vital = install("vital", "requires = ('bad',)\nessential = True")
    with pytest.raises(StartupError, match=r"^plugin vital: requires bad, which is broken \(bad: ValueError: boom;"):
        open_runtime(tmp_path, bad, vital)


@pytest.mark.parametrize("text", ["import absent", "sys.exit(1)", "raise SystemError", "def wrong(: pass"])
def test_an_essential_plugin_that_can_not_be_imported_refuses_the_start(
    tmp_path: Path, install: Install, text: str
) -> None:
    vital = install("vital", f"essential = True\n{text}")
    if "wrong" in text:  # whatever such a file says, nobody can read it
        runtime = open_runtime(tmp_path, vital)
        assert state(runtime, "vital")[0] == "broken"
        runtime.close()
        return
    with pytest.raises(StartupError, match=r"^plugin vital: "):
        open_runtime(tmp_path, vital)


LINES = {
    "absent": 2,
    "syntax": 2,
    "deep": 3,
    "library": 5,
    "typed": 3,
    "lacking": 2,
    "taken": 3,
    "foreign": 3,
    "unmarked": 2,
    "unknown": 3,
    "greedy": 3,
    "wrapper": 3,
}
"""Where plugins are to blame, in lines behind the imports."""


def test_where_it_broke_is_told(tmp_path: Path, install: Install) -> None:
    deep = "def helper():\n    return [][1]\n@hookimpl\ndef hanami_routes(): helper()"
    points = [
        install("absent", "import absent_library"),
        install("syntax", "def wrong(: pass"),
        install("deep", deep),
        install("library", "import json\n@hookimpl\ndef hanami_routes():\n    return [json.loads('{')]"),
        install("typed", "@hookimpl\ndef hanami_task_kinds(): return [3]"),
        install("lacking", "class Odd: name = 'odd'\n@hookimpl\ndef hanami_dataset_formats(): return [Odd()]"),
        install("first", "@hookimpl\ndef hanami_schedules(): return [Schedule('x', 1, print)]"),
        install("taken", "@hookimpl\ndef hanami_schedules(): return [Schedule('x', 1, print)]"),
        install("foreign", "@hookimpl\ndef hanami_settings(): return [Setting('x.y', int, 1, '')]"),
        install("unmarked", "def hanami_routes(): return []"),
        install("unknown", "@hookimpl\ndef hanami_rutes(): return []"),
        install("greedy", "@hookimpl\ndef hanami_routes(runtime, app): return []"),
        install("wrapper", "@hookimpl(wrapper=True)\ndef hanami_routes(): yield"),
    ]
    runtime = open_runtime(tmp_path, *points)
    places = {name: Path(runtime.plugins.plugins[name].where).name for name in LINES}
    begin = len(HEAD.splitlines()) + 1
    assert places == {name: f"third_{name}.py:{begin + line}" for name, line in LINES.items()}
    assert runtime.plugins.plugins["first"].where == ""
    runtime.close()


def test_who_interrupts_a_start_is_heard(tmp_path: Path, install: Install) -> None:
    early = install("early", everything=True)
    with pytest.raises(KeyboardInterrupt):
        open_runtime(tmp_path, early, install("slow", "@hookimpl\ndef hanami_startup(): raise KeyboardInterrupt"))
    assert log_of("early") == ["early starts", "early ends"]


def test_plugins_start_after_what_they_need_and_end_before_it(tmp_path: Path, install: Install) -> None:
    shared = "import builtins\nlog = builtins.__dict__.setdefault('third_log', [])\nrequires = {}"
    points = [
        install(name, shared.format(needs), everything=True)
        for name, needs in (("top", "('middle', 'other')"), ("other", "()"), ("middle", "('low',)"), ("low", "()"))
    ]
    runtime = open_runtime(tmp_path, *points)
    runtime.close()
    log = log_of("top")
    sys.modules["builtins"].__dict__.pop("third_log")
    assert log[:4] == ["low starts", "middle starts", "other starts", "top starts"]
    assert log[4:] == ["top ends", "other ends", "middle ends", "low ends"]


def test_what_fails_to_end_keeps_nobody_else_from_it(tmp_path: Path, install: Install) -> None:
    sulky = install("sulky", "@hookimpl\ndef hanami_shutdown(): sys.exit(1)")
    runtime = open_runtime(tmp_path, install("whole", everything=True), sulky)
    runtime.close()
    assert log_of("whole") == ["whole starts", "whole ends"]


CONFLICTS = {
    "formats": "@hookimpl\ndef hanami_dataset_formats(): return [first.Format()]",
    "hosts": "@hookimpl\ndef hanami_compute_hosts(): return [first.Host()]",
    "rules": "@hookimpl\ndef hanami_network_rules(): return [first.Rules()]",
    "dialects": "@hookimpl\ndef hanami_template_dialects(): return [first.Dialect()]",
    "kinds": "@hookimpl\ndef hanami_task_kinds(): return [TaskKind('first', print)]",
    "targets": "@hookimpl\ndef hanami_socket_targets(): return [first.Target()]",
    "routes": "@hookimpl\ndef hanami_routes(): return first.hanami_routes()",
    "schemes": "@hookimpl\ndef hanami_authenticators(): return first.hanami_authenticators()",
    "apis": "@hookimpl\ndef hanami_apis(): return [Api('first', '/second')]",
    "prefixes": "@hookimpl\ndef hanami_apis(): return [Api('second', '/first')]",
    "processes": "@hookimpl\ndef hanami_processes(): return first.hanami_processes()",
    "schedules": "@hookimpl\ndef hanami_schedules(): return first.hanami_schedules()",
    "databases": "@hookimpl\ndef hanami_databases(): return first.hanami_databases()",
    "stores": "@hookimpl\ndef hanami_blob_stores(): return first.hanami_blob_stores()",
    "models": "@hookimpl\ndef hanami_models(): return [first.First]",
}


@pytest.mark.parametrize("registry", CONFLICTS)
def test_a_taken_name_breaks_the_later_plugin_whole(tmp_path: Path, install: Install, registry: str) -> None:
    first = install("first", everything=True)
    second = install("second", f"import third_first as first\n{CONFLICTS[registry]}", everything=True)
    runtime = open_runtime(tmp_path, first, second)
    assert contributed(runtime, "first") == EVERYWHERE
    assert contributed(runtime, "second") == set()
    assert state(runtime, "second")[0] == "broken"
    assert state(runtime, "second")[1].endswith("first is taken by plugin first")
    runtime.close()


def test_a_name_of_a_plugin_that_broke_is_free(tmp_path: Path, install: Install) -> None:
    first = install("first", "@hookimpl\ndef hanami_dataset_formats(): raise ValueError", everything=True)
    second = install("second", "@hookimpl\ndef hanami_task_kinds(): return [TaskKind('first', print)]")
    runtime = open_runtime(tmp_path, first, second)
    assert runtime.kinds.owner("first").name == "second"
    runtime.close()


def test_a_table_of_core_is_taken(tmp_path: Path, install: Install) -> None:
    text = "class Task(OwnedRecord): pass\n@hookimpl\ndef hanami_models(): return [Task]"
    runtime = open_runtime(tmp_path, install("thief", text))
    assert state(runtime, "thief") == ("broken", "hanami_models: table task belongs to core")
    runtime.close()


def test_routes_that_were_made_of_what_is_gone_are_gone(tmp_path: Path, install: Install) -> None:
    """The upload route of a format belongs to another plugin, which made it before the format broke."""
    late = install("zz_late", "@hookimpl\ndef hanami_routes(): raise ValueError('boom')", everything=True)
    runtime = open_runtime(tmp_path, late)
    assert "zz_late" not in runtime.formats
    assert runtime.routes.get("POST", "/v1.0alpha/dataset/upload/zz_late") is None
    assert runtime.routes.get("POST", "/v1.0alpha/dataset/upload/csv") is not None
    runtime.close()


def test_registries_are_not_looked_into_before_they_are_filled(tmp_path: Path, install: Install) -> None:
    eager = install("eager", "@hookimpl\ndef hanami_startup(runtime): log.append(len(runtime.formats))")
    runtime = open_runtime(tmp_path, eager)
    assert state(runtime, "eager") == (
        "broken", "hanami_dataset_formats is gathered after all plugins have started, not before"
    )  # fmt: skip
    runtime.close()


def test_a_missing_mark_and_odd_requirements_are_told(tmp_path: Path, install: Install) -> None:
    points = [
        install("unmarked", "def hanami_routes(): return []"),
        install("odd", "requires = 'datasets'"),
        install("classy", "class Format:\n    name, parts, decode = 'classy', ('a',), print\n"
                "@hookimpl\ndef hanami_dataset_formats(): return [Format]"),
    ]  # fmt: skip
    runtime = open_runtime(tmp_path, *points)
    assert state(runtime, "unmarked") == ("broken", "hanami_routes is not marked with hookimpl")
    assert state(runtime, "odd") == ("broken", "requires must be a tuple of names of plugins, not 'datasets'")
    assert state(runtime, "classy")[1] == "hanami_dataset_formats returned the class Format, expected DatasetFormat"
    runtime.close()


def test_settings_of_a_plugin_that_does_not_work_are_left_alone(tmp_path: Path, install: Install) -> None:
    broken = install("broken", "raise ValueError('boom')")
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "hanami.toml"
    file.write_text("[broken]\nsize = 3\n")
    open_runtime(tmp_path, broken).close()
    with pytest.raises(SettingsError, match=r"unknown setting broken\.size"):
        open_runtime(tmp_path)


def test_who_watches_hears_of_every_change(tmp_path: Path, install: Install) -> None:
    points = [install("one", "@hookimpl\ndef hanami_routes(): raise ValueError"), install("two", "requires = ('one',)")]
    host, seen = data.host(*points), []
    end = host.watch(lambda: seen.append([str(host.plugins[name].state) for name in ("one", "two")]))
    runtime = Runtime.open(tmp_path, Role.MIGRATE, {}, {}, host)
    assert seen == [["broken", "disabled"]]
    end()
    runtime.plugins.refuse(host.plugins["format_csv"], PluginError("useless"))
    assert len(seen) == 1
    assert "csv" not in runtime.formats
    runtime.close()
