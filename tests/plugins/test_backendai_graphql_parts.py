"""What other plugins and settings make of GraphQL for Backend.AI's clients; each test has an application of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hanami_core import hookimpl
from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.testing.apps import plugin_point
from hanami_plugins.backendai_admin import GraphqlPart, Kind, caller_of, page_of_items
from tests.plugins.backendai_kit import SignedClient, new_keys
from tests.whole import Whole


def test_the_policy_is_made_of_the_quotas_of_a_user(tmp_path: Path) -> None:
    with Whole(tmp_path, quotas__user_tasks=7, quotas__user_disk=-1) as whole:
        client = SignedClient(whole, new_keys(whole))
        found = client.data("{ keypair_resource_policy { name max_concurrent_sessions max_vfolder_size } }")
        assert found["keypair_resource_policy"] == {
            "name": "default",
            "max_concurrent_sessions": 7,
            "max_vfolder_size": 0,
        }


def with_parts(directory: Path, parts: Callable[[], object]) -> Whole:
    module = SimpleNamespace(
        __doc__="Adds to the schema.", requires=("backendai_admin",), backendai_admin_graphql=hookimpl(parts)
    )
    return Whole(directory, plugin_point("shelves", module))


def shelves(_: object, info: Any, limit: int, offset: int, filter: str | None = None) -> object:
    owner = caller_of(info).user_id
    found = [{"name": f"shelf {n}", "owner": owner} for n in range(3)]
    return page_of_items(found, {"name": Kind.TEXT}, limit=limit, offset=offset, filter=filter)


def test_other_plugins_add_fields_and_resolve_those_that_are_there(tmp_path: Path) -> None:
    def parts() -> list[GraphqlPart]:
        sdl = (
            "type Shelf { name: String owner: String } type ShelfList { items: [Shelf]! total_count: Int! }"
            " extend type Query { shelf_list(limit: Int!, offset: Int!, filter: String): ShelfList }"
        )
        folders = {"items": [{"name": "notes", "max_size": 1 << 40, "created_at": 0.0}], "total_count": 1}
        return [
            GraphqlPart(sdl, {"Query.shelf_list": shelves}),
            GraphqlPart(resolvers={"Query.vfolder_list": lambda _, info, **__: folders}),
        ]

    with with_parts(tmp_path, parts) as whole:
        client = SignedClient(whole, new_keys(whole))
        filter = 'name != "shelf 0"'
        found = client.data(
            "query($filter: String) {"
            " shelf_list(limit: 1, offset: 0, filter: $filter) { items { owner name } total_count }"
            " vfolder_list(limit: 1, offset: 0) { items { name max_size created_at } } }",
            filter=filter,
        )
        assert found["shelf_list"] == {"items": [{"owner": "asdf", "name": "shelf 1"}], "total_count": 2}
        folder = {"name": "notes", "max_size": 1 << 40, "created_at": "1970-01-01T00:00:00+00:00"}
        assert found["vfolder_list"]["items"] == [folder]


@pytest.mark.parametrize(
    "parts",
    [
        lambda: [GraphqlPart("extend type Nothing { a: Int }")],
        lambda: [GraphqlPart("extend type Query { domain: Int }")],
        lambda: [GraphqlPart("extend type Query { a: Unknown }")],
        lambda: [GraphqlPart("type {")],
        lambda: [GraphqlPart(resolvers={"Query.nothing": shelves})],
        lambda: ["extend type Query { a: Int }"],
        lambda: 1 / 0,
        lambda: None,
    ],
)
def test_a_part_that_does_not_fit_is_left_out(tmp_path: Path, parts: Callable[[], object]) -> None:
    with with_parts(tmp_path, parts) as whole:
        client = SignedClient(whole, new_keys(whole))
        assert client.data("{ domain { name } }") == {"domain": {"name": "default"}}
        assert whole.runtime.plugins.plugins["shelves"].failures == 1


def test_a_defect_tells_no_more_than_its_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object, info: Any) -> object:
        raise RuntimeError("cannot open /srv/hanami/secret.key")

    def parts() -> list[GraphqlPart]:
        sdl = "extend type Query { broken: Int } extend type Mutation { break_it: Plain }"
        return [GraphqlPart(sdl, {"Query.broken": broken, "Mutation.break_it": broken})]

    with with_parts(tmp_path, parts) as whole:
        client = SignedClient(whole, new_keys(whole))
        for query in ("{ broken }", "mutation { break_it { ok } }"):
            (error,) = client.graphql(query)["errors"]
            assert error["message"].startswith("internal error ")
            assert "secret.key" not in json.dumps(error)
            number = error["message"].split()[-1]
            assert any(number == getattr(record, "id", "") for record in caplog.records)
            entries = client.call("GET", "/logs/error").json["logs"]
            assert any(number in entry["message"] for entry in entries)


def test_without_the_plugin_the_rest_works(tmp_path: Path) -> None:
    plugins = PluginHost(installed_plugins(), ["backendai_admin"])
    runtime = Runtime.open(tmp_path, Role.MIGRATE, {}, {}, plugins)
    try:
        paths = {bound.path for bound in runtime.routes}
        assert "/backendai/manager/status" in paths
        assert "/backendai/admin/gql" not in paths
        assert [plugin.name for plugin in plugins.plugins.values() if not plugin.works] == [
            "backendai_admin",
            "backendai_folders",
        ]
    finally:
        runtime.close()
