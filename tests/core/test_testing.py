"""The fixtures that are shipped for tests of plugins."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from hanami_core import hookimpl
from hanami_core.http import Empty, Route
from hanami_core.settings import Setting
from hanami_core.testing import apps
from hanami_core.testing.apps import App, plugin_point
from hanami_plugins.api_v1_0alpha.testing import NativeApp


def notes() -> types.ModuleType:
    """Return a plugin with a setting, and a route that answers with it."""
    module = types.ModuleType("notes")

    def routes(runtime: Any) -> list[Route]:
        def get(call: Any, request: Any) -> dict[str, Any]:
            """Return the text."""
            return {"text": runtime.settings["notes.text"]}

        return [Route("GET", "/note", "notes.get", Empty, Empty, get)]

    setting = Setting("notes.text", str, "nothing", "Text")
    vars(module)["hanami_settings"] = hookimpl(lambda: [setting], specname="hanami_settings")
    vars(module)["hanami_routes"] = hookimpl(routes, specname="hanami_routes")
    return module


def test_the_application_has_all_plugins_and_an_admin(app: NativeApp) -> None:
    assert all(plugin.works for plugin in app.runtime.plugins.plugins.values())
    assert app.call("GET", "user/all").json["body"][0][1] == app.admin[0]
    token = app.member("mia_", "digits")
    assert app.call("GET", "user/all", as_token=token).status_code == 401


def test_plugins_and_settings_can_be_given(make_app: Callable[..., NativeApp], tmp_path: Path) -> None:
    opened = make_app(plugin_point("notes", notes()), directory=tmp_path / "data", notes__text="hello")
    assert opened.call("GET", "note").json == {"text": "hello"}
    opened.close()
    assert (tmp_path / "data" / "hanami.db").exists()


def test_an_application_that_can_not_be_opened_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    module = types.ModuleType("notes")
    vars(module)["hanami_shutdown"] = hookimpl(lambda: closed.append("notes"), specname="hanami_shutdown")
    monkeypatch.setattr(apps, "_points", dict)
    assert apps.app_class() is App
    with pytest.raises(LookupError, match=r"no installed distribution has an entry point 'client' in the group"):
        App(tmp_path, plugin_point("notes", module), **{"users.argon2_time": 1})
    assert closed == ["notes"]


def test_the_plugin_of_pytest_imports_nothing_at_start() -> None:
    code = (
        "import sys, hanami_core.testing.plugin\n"
        "print([n for n in ('peewee', 'numpy', 'falcon', 'msgspec', 'hanami_core.runtime') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_server_takes_settings(make_server: Callable[..., Any]) -> None:
    running = make_server(logs__audit_rows=123, log__level="warning")
    assert requests.get(f"{running.address}/health/ready", timeout=10).status_code == 200
    text = (running.data_dir / "hanami.toml").read_text()
    assert text == 'logs.audit_rows = 123\nlog.level = "warning"\n'
    running.stop()
