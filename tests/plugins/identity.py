"""A server without HTTP: the identity plugins on a real database, called the way the server calls them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import peewee
from falcon import testing

from hanami_core import hookimpl
from hanami_core.access import Access, Action, Actor
from hanami_core.errors import VisibleError
from hanami_core.http import BoundRoute
from hanami_core.plugin_host import EntryPoint, PluginHost
from hanami_core.runtime import Runtime
from hanami_core.storage.database import OwnedRecord
from hanami_core.testing.prepared import prepare
from hanami_plugins.users import accounts
from hanami_server.authorization import identify
from tests import direct

PLUGINS = ("database_sqlite", "blobs_files", "users", "projects", "auth_jwt", "policy_file", "api_v1_0alpha")
CHEAP = {"users.argon2_time": 1, "users.argon2_memory": 1024}
POLICY = Path(__file__).parents[2] / "docs" / "openhanami.policy"

ADMIN = Actor("asdf", "asdf", "admin", "admin", is_admin=True, is_project_admin=True, scheme="token")
MEMBER = Actor("tsugumi", "tsugumi", "test_project", "member")


class Note(OwnedRecord):
    """A resource of some other plugin."""


def notes() -> ModuleType:
    """Return a plugin that owns notes."""
    module = ModuleType("notes")
    vars(module)["hanami_models"] = hookimpl(lambda: [Note], specname="hanami_models")
    return module


def host(*more: EntryPoint) -> PluginHost:
    """Load the identity plugins and the notes."""
    points = [EntryPoint(n, "hanami", "0", lambda n=n: import_module(f"hanami_plugins.{n}")) for n in PLUGINS]
    return PluginHost([*points, EntryPoint("notes", "notes", "0", notes), *more])


class Site:
    """An open runtime and its routes."""

    def __init__(self, directory: Path, role: Any = "migrate", **flags: object) -> None:
        self.directory = directory
        settings = CHEAP | {name.replace("__", "."): value for name, value in flags.items()}
        if role == "migrate":
            prepare(directory)
        self.runtime = Runtime.open(directory, role, settings, {}, host())
        self.routes = {bound.key: bound for bound in self.runtime.routes}

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.runtime.close()

    def call(self, actor: Actor, method: str, path: str, /, **fields: Any) -> Any:
        """Return the answer of a route as plain JSON values, checked against what the route declares."""
        return direct.call(self.runtime, actor, method, f"/{path}", **fields)

    def access(self, actor: Actor) -> Access:
        """Return what somebody may do in services, called by an action that no rule knows."""
        action = Action("panel.show", "GET", "", "read", ())
        return Access(actor, action, self.runtime.plugins.access_rules)

    def login(self, user_id: str, password: str = "asdfasdf") -> str:
        """Return a token."""
        token: str = self.call(MEMBER, "POST", "token", id=user_id, password=password)["token"]
        return token

    def actor(self, token: str) -> Actor:
        """Return whom a token stands for."""
        request = testing.create_req(headers={"X-Auth-Token": token})
        try:
            return identify(self.runtime, direct.native(self.runtime), request)
        except VisibleError as error:
            raise direct.told(self.runtime, error) from error

    def own(self, *prefixes: str) -> list[BoundRoute]:
        """Return the routes with given actions."""
        return [bound for bound in self.routes.values() if bound.route.action.split(".")[0] in prefixes]


def add_user(user_id: str, *, is_admin: bool = False, password: str = "asdfasdf") -> None:
    """Create a user."""
    accounts.add_user(user_id, user_id, password, is_admin=is_admin, creator_id="nobody")


def schema(db: peewee.Database, tables: tuple[str, ...]) -> set[str]:
    """Return the statements that tables and their indexes were made with."""
    marks = ", ".join("?" * len(tables))
    query = f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({marks}) AND sql IS NOT NULL"
    return {row[0] for row in db.execute_sql(query, tables)}


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def boot(self) -> str:
        return "boot"
