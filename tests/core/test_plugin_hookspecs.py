"""Hooks that plugins declare for one another."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from hanami_core import hookimpl, hookspec
from hanami_core.errors import PluginError
from hanami_core.plugin_host import EntryPoint, PluginHost
from tests.core.plugin_kit import boom, broken_import, plugin, state


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
