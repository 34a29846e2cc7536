"""Plugins that were written for another version: the one before, and the one to come."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import pytest

from hanami_core import hookimpl, hookspec, hookspecs, http
from hanami_core.deprecation import Deprecated
from hanami_core.plugin_host import EntryPoint, PluginHost
from hanami_core.settings import Setting
from tests.core.plugin_kit import SETTINGS, nothing, plugin, state

OLD_HOOK, OLD_ARGUMENT = Deprecated("0.2", "hanami_exports"), Deprecated("0.2", "runtime")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """This version, in which a hook and an argument that the version before had are deprecated."""
    formats = getattr(hookspecs.hanami_dataset_formats, "hanami_spec")  # noqa: B009 - set by the marker
    monkeypatch.setitem(formats, "warn_on_impl", OLD_HOOK)
    hosts = getattr(hookspecs.hanami_compute_hosts, "hanami_spec")  # noqa: B009
    monkeypatch.setitem(hosts, "warn_on_impl_args", {"settings": OLD_ARGUMENT})


class Format:
    name, parts = "old", ("input",)

    def decode(self, files: Any, table: Any) -> None: ...


class Host:
    name = kind = "old"

    def start(self, context: Any) -> None: ...

    def stop(self) -> None: ...

    def describe(self) -> Any: ...


def previous() -> Any:
    """A plugin of the version before, when nothing was deprecated."""

    @hookimpl
    def hanami_dataset_formats() -> list[Format]:
        return [Format()]

    @hookimpl
    def hanami_compute_hosts(settings: Any) -> list[Host]:
        assert settings is SETTINGS
        return [Host()]

    return plugin("previous", hanami_dataset_formats=hanami_dataset_formats, hanami_compute_hosts=hanami_compute_hosts)


def coming(**options: Any) -> Any:
    """A plugin of the version to come, with a hook and an argument that this one lacks."""

    @hookimpl(**options)
    def hanami_forecasts(weather: str) -> list[str]:
        raise AssertionError("nobody asks")

    @hookimpl
    def hanami_settings(profile: str = "none") -> list[Setting]:
        return [Setting("coming.profile", str, profile, "")]

    module = ModuleType("coming")
    vars(module).update(hanami_forecasts=hanami_forecasts, hanami_settings=hanami_settings)
    return EntryPoint("coming", "third", "1.0", lambda: module)


def test_a_plugin_of_the_version_before_works_and_is_told_what_will_be_gone(
    now: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hanami.plugins")
    host = PluginHost([previous()])
    assert list(host.dataset_formats()) == ["old"]
    assert list(host.compute_hosts(SETTINGS)) == ["old"]
    assert state(host, "previous") == ("active", "")
    assert sorted(host.plugins["previous"].warnings) == [
        "argument 'settings' of hanami_compute_hosts: deprecated since 0.2, gone in 0.5; use runtime",
        "hanami_dataset_formats: deprecated since 0.2, gone in 0.5; use hanami_exports",
    ]
    assert len([record for record in caplog.records if "deprecated since 0.2" in record.getMessage()]) == 2


def test_whoever_uses_nothing_that_is_deprecated_is_told_nothing(now: None) -> None:
    host = PluginHost([plugin("fresh", hanami_compute_hosts=lambda runtime: [Host()], hanami_exports=nothing)])
    assert host.plugins["fresh"].warnings == ()


def test_a_plugin_of_the_version_to_come_works_without_what_is_missing() -> None:
    host = PluginHost([coming(optionalhook=True)])
    assert [setting.default for setting in host.settings()] == ["none"]
    assert state(host, "coming") == ("active", "")


def test_a_hook_that_is_missing_and_not_optional_breaks_its_plugin() -> None:
    reason = "implements hanami_forecasts, which is not a hook of this version"
    assert state(PluginHost([coming()]), "coming") == ("broken", reason)


def test_an_argument_with_a_default_is_given_where_it_is_offered() -> None:
    seen: list[Any] = []

    def later(runtime: Any = None, profile: str = "none") -> list[Host]:
        seen.append((runtime, profile))
        return []

    PluginHost([plugin("later", hanami_compute_hosts=later)]).compute_hosts(SETTINGS, "runtime")  # type: ignore[arg-type]
    assert seen == [("runtime", "none")]


def test_hooks_of_plugins_are_deprecated_the_same_way() -> None:
    class Hooks:
        notes_panels = hookspec(lambda note, colour: None, warn_on_impl_args={"colour": Deprecated("1.4")})

    class Beside(Hooks):
        notes_lines = hookspec(lambda note: None, warn_on_impl=Deprecated("1.4", "notes_panels"))

    owner = plugin("notes", hanami_hookspecs=lambda: Beside)
    old = plugin("old", notes_panels=hookimpl(lambda note, colour: note), notes_lines=hookimpl(lambda note: note))
    host = PluginHost([old, owner])
    assert sorted(host.plugins["old"].warnings) == [
        "argument 'colour' of notes_panels: deprecated since 1.4, gone in 1.7",
        "notes_lines: deprecated since 1.4, gone in 1.7; use notes_panels",
    ]
    assert [found.item for found in host.extension("notes_lines", note=1)] == [1]


def test_a_version_has_two_numbers() -> None:
    assert Deprecated("1.9").gone == "1.12"
    with pytest.raises(ValueError):
        Deprecated("1")


def test_a_former_name_works_with_a_warning() -> None:
    with pytest.warns(Deprecated, match="deprecated since 0.1, gone in 0.4; use TableAnswer"):
        assert getattr(http, "Table") is http.TableAnswer  # noqa: B009 - mypy knows only the name of today
    with pytest.raises(AttributeError):
        getattr(http, "Tabel")  # noqa: B009
