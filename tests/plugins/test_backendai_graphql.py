"""GraphQL of Backend.AI's clients: what the schema says, who sees what, what mutations do, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_client_schema, build_schema, get_introspection_query

from hanami_plugins.api_backendai import group_uuid, user_uuid
from hanami_plugins.backendai_admin.limits import MOST_CALLS, MOST_FIELDS, MOST_LEVELS
from hanami_plugins.clusters import Cluster
from hanami_plugins.logs.models import AuditLog
from tests.plugins.backendai_kit import SignedClient, member_keys, new_keys
from tests.plugins.backendai_mutations import (
    CREATE_GROUP,
    CREATE_PAIR,
    CREATE_USER,
    MODIFY_GROUP,
    MODIFY_PAIR,
    MODIFY_USER,
)
from tests.whole import Whole

SCHEMA = Path(__file__).parents[2] / "plugins/hanami_plugins/backendai_admin/schema.graphql"
PASSPHRASE = "a long passphrase"
USER = {"password": PASSPHRASE, "need_password_change": False, "domain_name": "default"}
PAIR = {"resource_policy": "default", "rate_limit": 5000}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with Whole(tmp_path_factory.mktemp("whole")) as opened:
        yield opened


@pytest.fixture(scope="module")
def admin(whole: Whole) -> SignedClient:
    return SignedClient(whole, new_keys(whole))


@pytest.fixture(scope="module")
def katherine(whole: Whole) -> SignedClient:
    return SignedClient(whole, member_keys(whole, "katherine", "flower_shop"))


def did(client: SignedClient, mutation: str, /, **variables: object) -> dict[str, Any]:
    """Return what a mutation answers that has done something."""
    found: dict[str, Any] = client.data(mutation, **variables)["it"]
    assert found["ok"] is True, found
    return found


def refused(client: SignedClient, mutation: str, /, **variables: object) -> str:
    """Return why a mutation has done nothing."""
    found = client.data(mutation, **variables)["it"]
    assert found["ok"] is False
    assert all(value is None for name, value in found.items() if name not in ("ok", "msg"))
    assert found["msg"]
    return str(found["msg"])


# -- schema ------------------------------------------------------------------------------------------------------------


def test_the_schema_is_the_one_of_the_file(admin: SignedClient) -> None:
    told = build_client_schema(admin.data(get_introspection_query()))
    written = build_schema(SCHEMA.read_text(encoding="utf-8"))
    for name, kind in written.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            found = told.type_map[name]
            assert isinstance(found, GraphQLObjectType)
            assert {field: str(one.type) for field, one in kind.fields.items()} == {
                field: str(one.type) for field, one in found.fields.items()
            }


def test_every_question_and_every_mutation_has_a_resolver(whole: Whole, admin: SignedClient) -> None:
    admin.data("{ keypair { id } }")
    (route,) = [bound.route for bound in whole.runtime.routes if bound.path == "/backendai/admin/gql"]
    schema = route.handler.__self__.schema()  # type: ignore[attr-defined]
    fields = [field for kind in (schema.query_type, schema.mutation_type) for field in kind.fields.items()]
    assert [name for name, field in fields if field.resolve is None] == []


def test_answers_have_the_fields_in_the_order_in_which_they_were_asked_for(admin: SignedClient) -> None:
    answer = admin.call(
        "POST", "/admin/gql", query="{ keypair { is_active user_id access_key user_info { full_name } id } }"
    )
    assert list(json.loads(answer.text)["data"]["keypair"]) == ["is_active", "user_id", "access_key", "user_info", "id"]


def test_values_have_the_types_of_the_schema(admin: SignedClient) -> None:
    found = admin.data("{ domain { total_resource_slots created_at } user { uuid created_at groups { id name } } }")
    assert found["domain"] == {"total_resource_slots": "{}", "created_at": None}
    assert found["user"]["uuid"] == user_uuid("asdf")
    assert found["user"]["created_at"].endswith("+00:00")
    assert found["user"]["groups"] == [{"id": group_uuid("admin"), "name": "admin"}]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("{", "Syntax Error"),
        ("{ nothing }", "Cannot query field 'nothing'"),
        ('{ group(id: "flower_shop") { id } }', "a UUID has 32 hexadecimal digits"),
        ("query A { domain { name } } query B { domain { name } }", "Must provide operation name"),
        ("subscription { domain { name } }", "Schema is not configured"),
        ('mutation { modify_domain(name: "default", props: {total_resource_slots: "{"}) { ok } }', "holds JSON"),
        ("{ user_list(limit: 101, offset: 0) { total_count } }", "between 0 and 100"),
        ("{ user_list(limit: 1, offset: -1) { total_count } }", "must not be negative"),
        ('{ user_list(limit: 1, offset: 0, filter: "password == 1") { total_count } }', "there is no field 'password'"),
        ('{ groups(domain_name: "other") { id } }', "There is no domain 'other'"),
    ],
)
def test_what_cannot_be_asked_is_explained(admin: SignedClient, query: str, text: str) -> None:
    assert text in admin.error(query)


# -- limits ------------------------------------------------------------------------------------------------------------


def nested(levels: int) -> str:
    return "{ __schema { types " + "{ fields { type " * levels + "{ name }" + "}}" * levels + "} }"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (nested(10), f"{MOST_LEVELS} levels"),
        ("{ a " * 9000 + "}" * 9000, "too deep"),
        ("{ keypair { " + "id " * MOST_FIELDS + "} }", f"{MOST_FIELDS} fields"),
        ("{ " + "keypair { id } " * (MOST_CALLS + 1) + "}", f"{MOST_CALLS} of them on the first level"),
        (
            "{ " + "...Some " * 30 + "} fragment Some on Query { keypair { " + "id " * 40 + "} }",
            f"{MOST_FIELDS} fields",
        ),
        ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "contains itself"),
        ("{ keypair(access_key: [" + "1 " * 30_000 + "]) { id } }", "tokens"),
    ],
)
def test_a_query_that_is_too_large_is_not_executed(admin: SignedClient, query: str, text: str) -> None:
    assert text in admin.error(query)


def test_aliases_count_as_fields(admin: SignedClient) -> None:
    assert len(admin.data("{ " + " ".join(f"a{n}: domain {{ name }}" for n in range(MOST_CALLS)) + " }")) == MOST_CALLS
    assert "fields" in admin.error("{ " + " ".join(f"a{n}: domain {{ name }}" for n in range(MOST_FIELDS)) + " }")


def test_a_text_that_is_too_long_is_not_read(admin: SignedClient) -> None:
    answer = admin.call("POST", "/admin/gql", query="{ domain { name } }" + " " * (1 << 16))
    assert (answer.status_code, answer.json["type"].rsplit("/")[-1]) == (400, "invalid-api-params")


# -- who sees what -----------------------------------------------------------------------------------------------------


def test_users_see_themselves_where_admins_see_all(admin: SignedClient, katherine: SignedClient) -> None:
    query = """{
        users { email } keypairs { user_id } groups { name }
        user_list(limit: 100, offset: 0) { items { email } total_count }
    }"""
    mine, all_of_it = katherine.data(query), admin.data(query)
    assert mine == {
        "users": [{"email": "katherine"}],
        "user_list": {"items": [{"email": "katherine"}], "total_count": 1},
        "keypairs": [{"user_id": "katherine"}],
        "groups": [{"name": "flower_shop"}],
    }
    assert {"asdf", "katherine"} <= {one["email"] for one in all_of_it["users"]}
    assert {"asdf", "katherine"} <= {one["user_id"] for one in all_of_it["keypairs"]}
    assert {"admin", "flower_shop"} <= {one["name"] for one in all_of_it["groups"]}


@pytest.mark.parametrize(
    "query",
    [
        '{ user(email: "asdf") { email } }',
        '{ user(email: "nobody") { email } }',
        f'{{ user_from_uuid(user_id: "{user_uuid("asdf")}") {{ email }} }}',
        '{ keypairs(email: "asdf") { access_key } }',
        '{ keypair_list(limit: 1, offset: 0, email: "asdf") { total_count } }',
        '{ keypair(access_key: "AKIAAAAAAAAAAAAAAAAA") { user_id } }',
        f'{{ users(group_id: "{group_uuid("admin")}") {{ email }} }}',
    ],
)
def test_users_may_not_name_others(katherine: SignedClient, query: str) -> None:
    assert katherine.error(query)


def test_users_do_not_see_groups_of_others(katherine: SignedClient) -> None:
    assert katherine.data(f'{{ group(id: "{group_uuid("admin")}") {{ name }} }}') == {"group": None}
    assert katherine.data('{ groups_by_name(name: "admin") { name } }') == {"groups_by_name": []}
    own = [{"name": "flower_shop"}]
    assert katherine.data('{ groups_by_name(name: "flower_shop") { name } }') == {"groups_by_name": own}


@pytest.mark.parametrize(
    "query",
    [
        "{ domains { name } }",
        '{ agent(agent_id: "cpu0") { id } }',
        "{ agent_list(limit: 1, offset: 0) { total_count } }",
        "{ scaling_group { name } }",
        "{ scaling_groups { name } }",
        "{ storage_volume { id } }",
        "{ storage_volume_list(limit: 1, offset: 0) { total_count } }",
    ],
)
def test_questions_for_admins(admin: SignedClient, katherine: SignedClient, query: str) -> None:
    admin.data(query)
    assert katherine.error(query) == "Only administrators may do this"


def test_what_there_is_not_yet_is_empty(katherine: SignedClient) -> None:
    found = katherine.data(
        "{ compute_session_list(limit: 20, offset: 0) { items { id } total_count } images { name }"
        " vfolder_list(limit: 20, offset: 0) { items { id } total_count }"
        f' compute_session(id: "{user_uuid("x")}") {{ id }} }}'
    )
    page = {"items": [], "total_count": 0}
    assert found == {"compute_session_list": page, "images": [], "vfolder_list": page, "compute_session": None}


def test_a_secret_key_is_shown_to_whoever_has_signed_with_it(admin: SignedClient, katherine: SignedClient) -> None:
    own = katherine.data("{ keypair { access_key secret_key user_id is_admin } }")["keypair"]
    assert (own["user_id"], own["is_admin"], len(own["secret_key"])) == ("katherine", False, 40)
    assert katherine.data("{ keypairs { secret_key } }") == {"keypairs": [{"secret_key": None}]}
    query = "query($key: String) { keypair(access_key: $key) { user_id secret_key } }"
    assert admin.data(query, key=own["access_key"]) == {"keypair": {"user_id": "katherine", "secret_key": None}}


def test_hosts_are_agents(whole: Whole, admin: SignedClient) -> None:
    query = (
        "{ agent_list(limit: 10, offset: 0) { items { id status scaling_group schedulable live_stat } total_count } }"
    )
    (host,) = admin.data(query)["agent_list"]["items"]
    assert host == {
        "id": "cpu0",
        "status": "LOST",  # nothing runs it here
        "scaling_group": "default",
        "schedulable": True,
        "live_stat": '{"node":{},"devices":{}}',
    }
    admin.call("POST", "/manager/scheduler/operation", op="exclude-agents", args=["cpu0"])
    assert admin.data('{ agent(agent_id: "cpu0") { schedulable } }') == {"agent": {"schedulable": False}}
    admin.call("POST", "/manager/scheduler/operation", op="include-agents", args=["cpu0"])
    assert admin.data('{ agent(agent_id: "cpu1") { id } }') == {"agent": None}
    for arguments, count in (
        ('status: "ALIVE"', 0),
        ('status: "LOST,ALIVE"', 1),
        ('scaling_group: "other"', 0),
        ('filter: "id like \\"cpu%\\""', 1),
        ('filter: "schedulable is false"', 0),
    ):
        found = admin.data(f"{{ agent_list(limit: 10, offset: 0, {arguments}) {{ total_count }} }}")
        assert found["agent_list"]["total_count"] == count, arguments


# -- mutations ---------------------------------------------------------------------------------------------------------


def test_an_admin_manages_users(whole: Whole, admin: SignedClient) -> None:
    did(admin, CREATE_GROUP, name="garden", props={"domain_name": "default"})
    made = did(
        admin, CREATE_USER, email="ann@example.org", props={**USER, "full_name": "Ann Lee", "group_ids": ["garden"]}
    )
    assert made["user"] == {"email": "ann@example.org", "role": "user", "groups": [{"name": "garden"}]}
    assert whole.login("ann@example.org", PASSPHRASE)
    assert "already exist" in refused(admin, CREATE_USER, email="ann@example.org", props=USER)
    did(admin, MODIFY_USER, email="ann@example.org", props={"password": "another passphrase", "group_ids": []})
    query = '{ user(email: "ann@example.org") { full_name groups { name } } }'
    assert admin.data(query)["user"] == {"full_name": "Ann Lee", "groups": []}
    for props, reason in (
        ({"full_name": "Ann Lu"}, "'full_name' cannot be changed"),
        ({"role": "superadmin"}, "'role' cannot be changed"),
        ({"status": "inactive"}, "'status' cannot be set"),
        ({"group_ids": ["nowhere"]}, "There is no group 'nowhere'"),
    ):
        assert reason in refused(admin, MODIFY_USER, email="ann@example.org", props=props)
    purge = 'mutation { it: purge_user(email: "ann@example.org", props: {purge_shared_vfolders: %s}) { ok msg } }'
    assert "purge_shared_vfolders" in refused(admin, purge % "true")
    did(admin, purge % "false")
    assert admin.data(query) == {"user": None}
    assert "not found" in refused(admin, 'mutation { it: delete_user(email: "ann@example.org") { ok msg } }')


@pytest.mark.parametrize(
    ("email", "props", "reason"),
    [
        ("a b", {}, "email"),
        ("bea@example.org", {"password": "short"}, "8"),
        ("bea@example.org", {"role": "monitor"}, "role"),
        ("bea@example.org", {"role": "admin"}, "name a group"),
        ("bea@example.org", {"domain_name": "other"}, "domain_name"),
        ("bea@example.org", {"need_password_change": True}, "need_password_change"),
        ("bea@example.org", {"status": "inactive"}, "status"),
        ("bea@example.org", {"description": "a friend"}, "description"),
        ("bea@example.org", {"username": "bea"}, "username"),
        ("bea@example.org", {"group_ids": ["nowhere"]}, "nowhere"),
    ],
)
def test_a_user_who_cannot_be_as_asked_for_is_not_created(
    admin: SignedClient, email: str, props: dict[str, Any], reason: str
) -> None:
    assert reason in refused(admin, CREATE_USER, email=email, props={**USER, **props})
    assert admin.data(f'{{ user(email: "{email}") {{ email }} }}') == {"user": None}


def test_roles_are_those_of_users_and_of_their_places(admin: SignedClient) -> None:
    did(admin, CREATE_GROUP, name="kitchen", props={"domain_name": "default"})
    for role in ("superadmin", "admin", "user"):
        made = did(admin, CREATE_USER, email=f"{role}@roles", props={**USER, "role": role, "group_ids": ["kitchen"]})
        assert made["user"]["role"] == role
    query = "query($filter: String) { user_list(limit: 9, offset: 0, filter: $filter) { items { email } } }"
    for role in ("superadmin", "admin", "user"):
        condition = f'role == "{role}" & email ilike "%@ROLES"'
        assert admin.data(query, filter=condition)["user_list"]["items"] == [{"email": f"{role}@roles"}]
    people = admin.data(f'{{ users(group_id: "{group_uuid("kitchen")}") {{ email }} }}')["users"]
    assert [one["email"] for one in people] == ["superadmin@roles", "admin@roles", "user@roles"]


def test_an_admin_manages_groups(admin: SignedClient) -> None:
    made = did(admin, CREATE_GROUP, name="library", props={"domain_name": "default", "description": "All books"})
    gid = group_uuid("library")
    assert made["group"] == {"id": gid, "name": "library", "description": "All books"}
    assert "already exist" in refused(admin, CREATE_GROUP, name="library", props={"domain_name": "default"})
    did(admin, CREATE_USER, email="lee@example.org", props=USER)
    for mode, groups in (("add", [{"name": "library"}]), ("remove", [])):
        props = {"user_update_mode": mode, "user_uuids": [user_uuid("lee@example.org")], "allowed_vfolder_hosts": []}
        did(admin, MODIFY_GROUP, gid=gid, props=props)
        found = admin.data('{ user(email: "lee@example.org") { groups { name } } }')
        assert found["user"]["groups"] == groups
    for props, reason in (
        ({"name": "archive"}, "'name' cannot be changed"),
        ({"is_active": False}, "'is_active' cannot be set"),
        ({"total_resource_slots": '{"cpu": 1}'}, "'total_resource_slots' cannot be set"),
        ({"user_update_mode": "keep", "user_uuids": []}, "user_update_mode"),
        ({"user_uuids": [group_uuid("x")]}, "There is no user"),
    ):
        assert reason in refused(admin, MODIFY_GROUP, gid=gid, props=props)
    delete = f'mutation {{ it: delete_group(gid: "{gid}") {{ ok msg }} }}'
    did(admin, delete)
    assert "There is no group" in refused(admin, delete)
    assert refused(admin, f'mutation {{ it: purge_group(gid: "{group_uuid("admin")}") {{ ok msg }} }}')


def test_a_group_that_contains_something_stays(whole: Whole, admin: SignedClient) -> None:
    token = whole.member("rosa", "orchard")
    assert whole.call("POST", "cluster", token, name="apples").status_code == 200
    gid = group_uuid("orchard")
    assert refused(admin, f'mutation {{ it: delete_group(gid: "{gid}") {{ ok msg }} }}')
    assert Cluster.active().where(Cluster.project_id == "orchard").count() == 1
    assert admin.data(f'{{ group(id: "{gid}") {{ name }} }}') == {"group": {"name": "orchard"}}


def test_an_admin_manages_the_pairs_of_all(admin: SignedClient, katherine: SignedClient) -> None:
    made = did(admin, CREATE_PAIR, user="katherine", props={**PAIR, "is_active": False})["keypair"]
    assert (made["is_active"], made["is_admin"], len(made["secret_key"])) == (False, False, 40)
    did(admin, MODIFY_PAIR, key=made["access_key"], props={"is_active": True, "is_admin": None})
    query = "{ keypairs(is_active: true) { access_key } }"
    assert made["access_key"] in [one["access_key"] for one in katherine.data(query)["keypairs"]]
    for props, reason in (
        ({"is_admin": True}, "is_admin"),
        ({"resource_policy": "large"}, "resource_policy"),
        ({"rate_limit": 1}, "rate_limit"),
    ):
        assert reason in refused(admin, MODIFY_PAIR, key=made["access_key"], props=props)
        assert reason in refused(admin, CREATE_PAIR, user="katherine", props={**PAIR, **props})
    assert "not found" in refused(admin, CREATE_PAIR, user="nobody", props=PAIR)
    delete = f'mutation {{ it: delete_keypair(access_key: "{made["access_key"]}") {{ ok msg }} }}'
    did(admin, delete)
    assert refused(admin, delete)


def test_users_manage_their_own_pairs(katherine: SignedClient) -> None:
    made = did(katherine, CREATE_PAIR, user="katherine", props=PAIR)["keypair"]
    did(katherine, MODIFY_PAIR, key=made["access_key"], props={"is_active": False})
    did(katherine, f'mutation {{ it: delete_keypair(access_key: "{made["access_key"]}") {{ ok msg }} }}')


@pytest.mark.parametrize(
    ("mutation", "variables"),
    [
        (CREATE_USER, {"email": "mallory@example.org", "props": USER}),
        (MODIFY_USER, {"email": "asdf", "props": {"password": PASSPHRASE}}),
        (MODIFY_USER, {"email": "katherine", "props": {"group_ids": []}}),
        (CREATE_GROUP, {"name": "lair", "props": {"domain_name": "default"}}),
        (MODIFY_GROUP, {"gid": group_uuid("flower_shop"), "props": {"user_uuids": [user_uuid("asdf")]}}),
        (CREATE_PAIR, {"user": "asdf", "props": PAIR}),
        ('mutation { it: delete_user(email: "asdf") { ok msg } }', {}),
        ('mutation { it: purge_user(email: "asdf", props: {}) { ok msg } }', {}),
        (f'mutation {{ it: delete_group(gid: "{group_uuid("flower_shop")}") {{ ok msg }} }}', {}),
        (f'mutation {{ it: purge_group(gid: "{group_uuid("flower_shop")}") {{ ok msg }} }}', {}),
    ],
)
def test_users_may_change_nothing_else(
    whole: Whole, admin: SignedClient, katherine: SignedClient, mutation: str, variables: dict[str, Any]
) -> None:
    query = "{ users { email role groups { name } } groups { name } keypairs { access_key is_active } }"
    before = admin.data(query)
    refused(katherine, mutation, **variables)
    assert admin.data(query) == before
    assert whole.login("asdf")


def test_pairs_of_others_cannot_be_changed(admin: SignedClient, katherine: SignedClient) -> None:
    key = admin.data("{ keypair { access_key } }")["keypair"]["access_key"]
    refused(katherine, MODIFY_PAIR, key=key, props={"is_active": False})
    refused(katherine, f'mutation {{ it: delete_keypair(access_key: "{key}") {{ ok msg }} }}')
    assert admin.data("{ keypair { is_active } }") == {"keypair": {"is_active": True}}


@pytest.mark.parametrize(
    "mutation",
    [
        'create_domain(name: "other", props: {}) { ok msg domain { name } }',
        'modify_domain(name: "default", props: {description: "ours"}) { ok msg }',
        'delete_domain(name: "default") { ok msg }',
        'purge_domain(name: "default") { ok msg }',
        'create_scaling_group(name: "gpus", props: {driver: "x", driver_opts: "null", scheduler: "y"}) { ok msg }',
        'modify_scaling_group(name: "default", props: {is_active: false}) { ok msg }',
        'delete_scaling_group(name: "default") { ok msg }',
        'associate_scaling_group_with_domain(scaling_group: "default", domain: "default") { ok msg }',
        'disassociate_scaling_group_with_domain(scaling_group: "default", domain: "default") { ok msg }',
        'disassociate_all_scaling_groups_with_domain(domain: "default") { ok msg }',
        f'associate_scaling_group_with_user_group(scaling_group: "a", user_group: "{group_uuid("x")}") {{ ok msg }}',
        'disassociate_scaling_group_with_user_group(scaling_group: "default", user_group: "any") { ok msg }',
        f'disassociate_all_scaling_groups_with_group(user_group: "{group_uuid("x")}") {{ ok msg }}',
        'delete_keypair_resource_policy(name: "default") { ok msg }',
        'modify_keypair_resource_policy(name: "default", props: {idle_timeout: 1}) { ok msg }',
        "rescan_images { ok msg task_id }",
        'alias_image(alias: "a", target: "b") { ok msg }',
        'dealias_image(alias: "a") { ok msg }',
    ],
)
def test_what_there_is_one_of_stays_as_it_is(admin: SignedClient, mutation: str) -> None:
    assert refused(admin, f"mutation {{ it: {mutation} }}")


# -- what a call is recorded as ----------------------------------------------------------------------------------------


def audited() -> int:
    """Return how many calls of GraphQL the audit log has."""
    return int(AuditLog.select().where(AuditLog.endpoint == "backendai/admin/gql").count())


def test_mutations_are_recorded_and_questions_are_not(admin: SignedClient) -> None:
    before = audited()
    admin.data("{ users { email } }")
    admin.error("mutation { nothing }")
    assert audited() == before
    document = 'query Ask { domain { name } } mutation Change { delete_domain(name: "default") { ok } }'
    admin.call("POST", "/admin/gql", query=document, operation_name="Ask")
    assert audited() == before
    admin.call("POST", "/admin/gql", query=document, operation_name="Change")
    assert audited() == before + 1


@pytest.mark.parametrize("query", ["{ domain { name } }", 'mutation { delete_domain(name: "default") { ok } }'])
def test_a_signature_is_accepted_once_whatever_comes_with_it(admin: SignedClient, query: str) -> None:
    headers = admin.headers("POST", "/backendai/admin/gql")
    assert admin.call("POST", "/admin/gql", headers, query=query).status_code == 200
    made = {"query": CREATE_GROUP, "variables": {"name": "stolen", "props": {"domain_name": "default"}}}
    assert admin.call("POST", "/admin/gql", headers, **made).status_code == 401
    assert admin.data('{ groups_by_name(name: "stolen") { id } }') == {"groups_by_name": []}


def test_a_frozen_server_answers_questions_and_changes_nothing(admin: SignedClient) -> None:
    assert admin.call("PUT", "/manager/status", status="frozen").status_code == 204
    try:
        admin.data("{ users { email } }")
        variables = {"name": "frozen", "props": {"domain_name": "default"}}
        answer = admin.call("POST", "/admin/gql", query=CREATE_GROUP, variables=variables)
        assert (answer.status_code, answer.json["type"].rsplit("/")[-1]) == (503, "server-frozen")
    finally:
        assert admin.call("PUT", "/manager/status", status="running").status_code == 204
    assert admin.data('{ groups_by_name(name: "frozen") { id } }') == {"groups_by_name": []}


def test_whoever_is_not_known_is_told_nothing(whole: Whole) -> None:
    target = "/backendai/admin/gql"
    answer = whole.http.simulate_post(target, body=json.dumps({"query": "{ domain { name } }"}))
    assert (answer.status_code, answer.json["type"].rsplit("/")[-1]) == (401, "auth-failed")
