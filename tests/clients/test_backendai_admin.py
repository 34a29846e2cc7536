"""The client of Backend.AI, unmodified, manages a server: its commands, and the functions of its manual."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.clients.backendai import BackendaiClient, ClientKeys

PASSPHRASE = "a long passphrase"
PROGRAM = """
import json
from ai.backend.client.session import Session
with Session() as session:
    found = {expression}
print(json.dumps(found if isinstance(found, (dict, list)) else found.items))
"""


def told(client: BackendaiClient, *args: str, keys: ClientKeys | None = None) -> list[dict[str, Any]]:
    """Return the objects that a command shows."""
    done = client.run("--output", "json", *args, keys=keys)
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["items"]
    return found


def shown(client: BackendaiClient, *args: str, keys: ClientKeys | None = None) -> dict[str, str]:
    """Return the pairs that a command which changes something shows, the last one of a line being the value."""
    done = client.run(*args, keys=keys)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()[2:] if line.strip()]
    return {row[0]: row[1].strip() if len(row) > 1 else "" for row in rows}


def refused(client: BackendaiClient, *args: str, keys: ClientKeys | None = None) -> str:
    """Return what a command says that fails."""
    done = client.run(*args, keys=keys)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def computed(client: BackendaiClient, expression: str, keys: ClientKeys | None = None) -> Any:
    """Return the value of an expression about `session`; of a page, its objects."""
    done = client.python(PROGRAM.format(expression=expression), keys)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tsugumi(server: LocalServer, backendai_client: BackendaiClient) -> ClientKeys:
    """A pair of a user without rights."""
    with Client(server.address, server.user, server.passphrase) as native:
        native.create_user("tsugumi", "Tsugumi", PASSPHRASE)
        native.create_project("tea_house", "Tea house")
        native.add_to_project("tsugumi", "tea_house")
        pair = native.create_keypair(user_id="tsugumi")
    return ClientKeys(pair.access_key, pair.secret_key)


def test_ps_lists_no_sessions(backendai_client: BackendaiClient, tsugumi: ClientKeys) -> None:
    for keys in (None, tsugumi):
        done = backendai_client.run("ps", keys=keys)
        assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")
        assert told(backendai_client, "ps", keys=keys) == []


def test_somebody_sees_their_own_pair(
    server: LocalServer, backendai_client: BackendaiClient, tsugumi: ClientKeys
) -> None:
    (mine,) = told(backendai_client, "admin", "keypair", "info")
    assert (mine["user_id"], mine["access_key"], mine["is_admin"]) == (server.user, backendai_client.keys[0], True)
    (theirs,) = told(backendai_client, "admin", "keypair", "list", keys=tsugumi)
    assert theirs == theirs | {
        "user_id": "tsugumi",
        "full_name": "Tsugumi",
        "access_key": tsugumi.access_key,
        "secret_key": None,
        "is_active": True,
        "is_admin": False,
        "resource_policy": "default",
        "rate_limit": 5000,
        "concurrency_used": 0,
    }


def test_pairs_are_added_changed_and_deleted(backendai_client: BackendaiClient, tsugumi: ClientKeys) -> None:
    made = shown(backendai_client, "admin", "keypair", "add", "tsugumi", "default")
    keys = ClientKeys(made["access_key"], made["secret_key"])
    assert told(backendai_client, "admin", "keypair", "info", keys=keys)[0]["secret_key"] == keys.secret_key
    shown(backendai_client, "admin", "keypair", "deactivate", keys.access_key)
    assert "Credential/signature mismatch" in refused(backendai_client, "admin", "keypair", "info", keys=keys)
    found = told(backendai_client, "admin", "keypair", "list", "--is-active", "false", "-u", "tsugumi")
    assert [one["access_key"] for one in found] == [keys.access_key]
    shown(backendai_client, "admin", "keypair", "activate", keys.access_key)
    assert "rate_limit" in refused(backendai_client, "admin", "keypair", "update", "-r", "9", keys.access_key)
    filter = f'access_key == "{keys.access_key}"'
    assert len(told(backendai_client, "admin", "keypair", "list", "--filter", filter, "--order", "-created_at")) == 1
    shown(backendai_client, "admin", "keypair", "delete", keys.access_key)
    assert told(backendai_client, "admin", "keypair", "list", "--filter", filter) == []
    assert "Only administrators" in refused(backendai_client, "admin", "keypair", "list", "-u", "demo", keys=tsugumi)


def test_users_and_groups_are_managed(server: LocalServer, backendai_client: BackendaiClient) -> None:
    group = shown(backendai_client, "admin", "group", "add", "default", "flower_shop", "-d", "Flower shop")
    assert (group["name"], group["domain_name"]) == ("flower_shop", "default")
    listed = told(backendai_client, "admin", "group", "list")
    assert {"id": group["id"], "name": "flower_shop", "is_active": True} in [
        {name: one[name] for name in ("id", "name", "is_active")} for one in listed
    ]
    made = shown(backendai_client, "admin", "user", "add", "default", "ann@example.org", PASSPHRASE, "-n", "Ann Lee")
    assert made["email"] == "ann@example.org"
    shown(backendai_client, "admin", "group", "add-users", group["id"], made["uuid"])
    (ann,) = told(backendai_client, "admin", "user", "list", "--filter", 'full_name like "Ann%"')
    assert ann == ann | {
        "uuid": made["uuid"],
        "username": "ann@example.org",
        "full_name": "Ann Lee",
        "role": "user",
        "status": "active",
        "domain_name": "default",
        "groups": [{"id": group["id"], "name": "flower_shop"}],
    }
    assert told(backendai_client, "admin", "user", "info", "-e", "ann@example.org") == [ann]
    with Client(server.address, "ann@example.org", PASSPHRASE):
        pass
    assert "cannot be changed" in refused(backendai_client, "admin", "user", "update", "ann@example.org", "-n", "Ann")
    shown(backendai_client, "admin", "group", "remove-users", group["id"], made["uuid"])
    shown(backendai_client, "admin", "user", "delete", "ann@example.org")
    assert "not found" in refused(backendai_client, "admin", "user", "delete", "ann@example.org")
    shown(backendai_client, "admin", "group", "delete", group["id"])
    assert "There is no group" in refused(backendai_client, "admin", "group", "delete", group["id"])


def test_hosts_are_agents(backendai_client: BackendaiClient, tsugumi: ClientKeys) -> None:
    for args in (("list",), ("info", "cpu0")):
        (host,) = told(backendai_client, "admin", "agent", *args)
        assert (host["id"], host["status"], set(host["available_slots"])) == ("cpu0", "ALIVE", {"cpu", "mem"})
        assert 0 <= int(host["occupied_slots"]["mem"]) <= int(host["available_slots"]["mem"])
    assert "Only administrators" in refused(backendai_client, "admin", "agent", "list", keys=tsugumi)


def test_what_there_is_one_of(backendai_client: BackendaiClient) -> None:
    for noun in ("scaling-group", "domain", "keypair-resource-policy"):
        assert [one["name"] for one in told(backendai_client, "admin", noun, "list")] == ["default"]
        assert [one["name"] for one in told(backendai_client, "admin", noun, "info", "default")] == ["default"]
    assert "one domain" in refused(backendai_client, "admin", "domain", "add", "other")
    assert "one scaling group" in refused(backendai_client, "admin", "scaling-group", "delete", "default")
    for noun in ("image", "storage"):
        assert backendai_client.run("admin", noun, "list").returncode == 0


def test_functions_of_the_manual(backendai_client: BackendaiClient, tsugumi: ClientKeys) -> None:
    query = "session.Admin.query('query($e: String) { user(email: $e) { email role } }', {'e': 'tsugumi'})"
    assert computed(backendai_client, query) == {"user": {"email": "tsugumi", "role": "user"}}
    agents = computed(backendai_client, "session.Agent.paginated_list()")
    assert [one["id"] for one in agents] == ["cpu0"]
    assert computed(backendai_client, "session.Agent.detail('cpu0')")["scaling_group"] == "default"
    own = computed(backendai_client, f"session.KeyPair({tsugumi.access_key!r}).info()", tsugumi)
    assert (own["user_id"], own["is_admin"]) == ("tsugumi", False)
    create = "session.KeyPair.create('tsugumi', resource_policy='default', rate_limit=5000)"
    made = computed(backendai_client, create)
    assert made["ok"]
    key = made["keypair"]["access_key"]
    pairs = computed(backendai_client, "session.KeyPair.list('tsugumi', is_active=True)")
    assert key in [one["access_key"] for one in pairs]
    assert len(computed(backendai_client, "session.KeyPair.paginated_list(page_size=1)")) == 1
    for change in ("deactivate", "activate", "delete"):
        assert computed(backendai_client, f"session.KeyPair.{change}({key!r})") == {"ok": True, "msg": ""}
    assert [one["name"] for one in computed(backendai_client, "session.ScalingGroup.list()")] == ["default"]
    assert computed(backendai_client, "session.ScalingGroup.detail('default')")["name"] == "default"
    for change in (
        "associate_domain('default', 'default')",
        "dissociate_domain('default', 'default')",
        "dissociate_all_domain('default')",
        "delete('default')",
    ):
        assert computed(backendai_client, f"session.ScalingGroup.{change}")["ok"] is False
