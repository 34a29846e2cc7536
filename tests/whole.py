"""The whole application with all installed plugins and a worker, in this process and without sidecars."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any

from falcon import testing

from hanami_core.plugin_host import EntryPoint, PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_server.app import create_app
from tests.workers import worker

ADMIN = ("asdf", "asdf", "asdfasdf")
CHEAP = {"users.argon2_time": 1, "users.argon2_memory": 1024}


class Whole:
    """An application on a data directory of its own, with one admin."""

    def __init__(self, directory: Path, *more: EntryPoint, **flags: object) -> None:
        settings = CHEAP | {name.replace("__", "."): value for name, value in flags.items()}
        directory.mkdir(exist_ok=True)
        plugins = PluginHost([*installed_plugins(), *more])
        self.runtime = Runtime.open(directory, "tool", settings, {}, plugins)
        plugins.admin(self.runtime, ADMIN)
        self.app = create_app(self.runtime)
        self.http = testing.TestClient(self.app)
        self.token = self.login(ADMIN[0])
        self._ends = contextlib.ExitStack()
        self._ends.callback(self.runtime.close)
        self._ends.enter_context(worker(self.runtime))

    def __enter__(self) -> Whole:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def call(self, method: str, path: str, /, as_token: str | None = None, **fields: Any) -> testing.Result:
        """Send a request with the admin's token or `as_token`; a path without slash is below the API's prefix."""
        headers = {"X-Auth-Token": self.token if as_token is None else as_token}
        target = path if path.startswith("/") else f"/v1.0alpha/{path}"
        if method in ("GET", "DELETE"):
            return self.http.simulate_request(method, target, params=fields, headers=headers)
        return self.http.simulate_request(method, target, body=json.dumps(fields), headers=headers)

    def login(self, user_id: str, passphrase: str = ADMIN[2]) -> str:
        """Return a token."""
        body = json.dumps({"id": user_id, "password": passphrase})
        return str(self.http.simulate_post("/v1.0alpha/token", body=body).json["token"])

    def member(self, user_id: str, project_id: str = "test_project", **place: Any) -> str:
        """Create a user with a place in a project, and return its token."""
        self.call("POST", "user", id=user_id, name=user_id, password=ADMIN[2])
        self.call("POST", "project", id=project_id, name=project_id)
        given = {"id": user_id, "project_id": project_id, "role": "member"} | place
        assert self.call("POST", "user/project", **given).status_code == 200
        return self.login(user_id)


def fill(whole: Whole, model: Any, count: int, **fields: Any) -> None:
    """Add rows; a value that is a function is called with the row's number."""
    rows = [{name: value(n) if callable(value) else value for name, value in fields.items()} for n in range(count)]
    with atomic():
        for start in range(0, count, 1000):
            model.insert_many(rows[start : start + 1000]).execute()
