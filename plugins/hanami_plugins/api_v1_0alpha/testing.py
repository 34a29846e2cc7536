"""The application for tests, spoken to as users do: with the token of a login, in JSON, below the API's prefix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hanami_core.plugin_host import EntryPoint
from hanami_core.testing.apps import App

__all__ = ["NativeApp"]


class NativeApp(App):
    """The whole application in this process.

    Attributes:
        token: token of the admin.
    """

    prefix = "/v1.0alpha"
    settings = {"users.argon2_time": 1, "users.argon2_memory": 1024}  # noqa: RUF012 - a mapping that nobody writes

    def __init__(self, directory: Path, *more: EntryPoint, compute: str = "", **settings: object) -> None:
        """Open it, see `App`, and log the admin in."""
        super().__init__(directory, *more, compute=compute, **settings)
        self.token = self.login(self.admin[0])

    def call(self, method: str, path: str, /, as_token: str | None = None, **fields: object) -> Any:
        """Send a request and return the result, which has ``status_code`` and ``json``.

        Args:
            method: of HTTP.
            path: a path with a slash is taken as it is, any other is below the API's prefix.
            as_token: who asks; the admin, if nobody is given.
            fields: fields of the request.
        """
        headers = {"X-Auth-Token": self.token if as_token is None else as_token}
        target = path if path.startswith("/") else f"{self.prefix}/{path}"
        if method in ("GET", "DELETE"):
            return self.http.simulate_request(method, target, params=fields, headers=headers)
        return self.http.simulate_request(method, target, body=json.dumps(fields), headers=headers)

    def login(self, user_id: str, passphrase: str = App.admin[2]) -> str:
        """Return a token of a user."""
        body = json.dumps({"id": user_id, "password": passphrase})
        return str(self.http.simulate_post(f"{self.prefix}/token", body=body).json["token"])

    def member(self, user_id: str, project_id: str = "test_project", **place: Any) -> str:
        """Create a user with a place in a project, and return its token."""
        self.call("POST", "user", id=user_id, name=user_id, password=self.admin[2])
        self.call("POST", "project", id=project_id, name=project_id)
        given = {"id": user_id, "project_id": project_id, "role": "member"} | place
        assert self.call("POST", "user/project", **given).status_code == 200
        return self.login(user_id)
