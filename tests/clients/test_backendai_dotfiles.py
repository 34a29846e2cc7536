"""The released client of Backend.AI stores dotfiles and session templates."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.clients.backendai import BackendaiClient, ClientKeys
from tests.plugins.test_backendai_templates import MANUAL, SMALL

CONTENT = "[default]\nregion = eu-central-1\n"


def test_dotfiles(backendai_client: BackendaiClient, tmp_path: Path) -> None:
    file = tmp_path / "config"
    for owner in ((), ("-g", "default", "-d", "default"), ("-d", "default")):
        file.write_text(CONTENT)
        assert "no dotfiles" in done(backendai_client, "dotfile", "list", *owner)
        assert "created" in done(backendai_client, "dotfile", "create", "-f", str(file), ".aws/config", *owner)
        again = backendai_client.run("dotfile", "create", "-f", str(file), ".aws/config", *owner)
        assert again.returncode == 1
        assert "There is a dotfile '.aws/config' already" in again.stdout + again.stderr
        assert done(backendai_client, "dotfile", "get", ".aws/config", *owner) == CONTENT + "\n"
        file.write_text("other\n")
        update = ("dotfile", "update", "-f", str(file), "--perm", "600", ".aws/config", *owner)
        assert "updated" in done(backendai_client, *update)
        (line,) = done(backendai_client, "dotfile", "list", *owner).splitlines()[2:]
        assert line.split() == [".aws/config", "other", "600"]
        assert "deleted" in done(backendai_client, "dotfile", "delete", "-f", ".aws/config", *owner)
        missing = backendai_client.run("dotfile", "get", ".aws/config", *owner)
        assert missing.returncode == 1
        assert "There is no dotfile '.aws/config'" in missing.stdout + missing.stderr


def test_dotfiles_of_somebody_else(
    backendai_client: BackendaiClient, server: LocalServer, client: Client, tmp_path: Path
) -> None:
    other = member_keys(server, client, "dorothy_dot")
    file = tmp_path / "vimrc"
    file.write_text("set number\n")
    done(backendai_client, "dotfile", "create", "-f", str(file), ".vimrc", "-o", other.access_key)
    assert ".vimrc" in done(backendai_client, "dotfile", "list", "-o", other.access_key)
    assert ".vimrc" in done(backendai_client, "dotfile", "list", keys=other)
    denied = backendai_client.run("dotfile", "list", "-o", backendai_client.keys.access_key, keys=other)
    assert denied.returncode == 1
    assert "Only administrators" in denied.stdout + denied.stderr


def test_templates(backendai_client: BackendaiClient, tmp_path: Path) -> None:
    file = tmp_path / "session-template.yaml"
    file.write_text(MANUAL)
    assert "no task templates" in done(backendai_client, "sesstpl", "list")
    created = done(backendai_client, "sesstpl", "create", "-f", str(file))
    found = re.search(r"Task template (\w{32}) created", created)
    assert found is not None, created
    text = done(backendai_client, "sesstpl", "get", found[1])
    assert yaml.safe_load(text)["metadata"]["name"] == "template1234"
    assert json.loads(done(backendai_client, "sesstpl", "get", "-f", "json", found[1])) == yaml.safe_load(text)
    file.write_text(text)
    assert "updated" in done(backendai_client, "sesstpl", "update", "-f", str(file), found[1])
    assert done(backendai_client, "sesstpl", "get", found[1]) == text
    listed = done(backendai_client, "sesstpl", "list").splitlines()
    assert listed[0].split() == ["Name", "ID", "Created", "At", "Owner", "Type", "User", "Group"]
    assert listed[2].split()[:2] == ["template1234", found[1]]
    file.write_text("kind: other\n")
    broken = backendai_client.run("sesstpl", "update", "-f", str(file), found[1])
    assert broken.returncode == 1
    assert "payload" in broken.stdout + broken.stderr
    assert "deleted" in done(backendai_client, "sesstpl", "delete", "-f", found[1])
    assert "no task templates" in done(backendai_client, "sesstpl", "list", "-a")


def test_functions_of_the_library(backendai_client: BackendaiClient) -> None:
    code = f"""
import json
from ai.backend.client.session import Session
with Session() as session:
    made = session.SessionTemplate.create({json.dumps(SMALL)!r})
    same = session.SessionTemplate(made.template_id)
    assert json.loads(same.get("json")) == {SMALL!r}
    assert "kind: task_template" in same.get()
    assert same.put({MANUAL!r}) == {{"success": True}}
    assert [one["id"] for one in session.SessionTemplate.list_templates()] == [made.template_id]
    assert same.delete() == {{"success": True}}
    assert session.SessionTemplate.list_templates(True) == []
    made = session.Dotfile.create("content", ".netrc", "600")
    assert made.get() == {{"path": ".netrc", "perm": "600", "data": "content"}}
    assert made.update("more", "644") == {{}}
    assert session.Dotfile.list_dotfiles() == [{{"path": ".netrc", "permission": "644", "data": "more"}}]
    assert made.delete() == {{"success": True}}
print("done")
"""
    ended = backendai_client.python(code)
    assert ended.stdout == "done\n", ended.stderr


def done(client: BackendaiClient, *args: str, keys: ClientKeys | None = None) -> str:
    """Return what a command writes that must succeed."""
    ended = client.run(*args, keys=keys)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def member_keys(server: LocalServer, client: Client, user_id: str) -> ClientKeys:
    """Create a user in a project and return a pair of theirs."""
    client.create_user(user_id, user_id, server.passphrase)
    client.create_project("dot_project", "dot_project")
    client.add_to_project(user_id, "dot_project", "member")
    with Client(server.address, user_id, server.passphrase) as own:
        pair = own.create_keypair()
    return ClientKeys(pair.access_key, pair.secret_key)
