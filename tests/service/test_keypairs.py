"""Key pairs on a real server, by command line and on the wire; an API of somebody else takes what they sign."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from hanami_cli import hanamictl
from hanami_sdk import Client, ConflictException, NotFoundException, UnauthorizedException
from tests.local import LocalServer
from tests.server.harness import hanami, until

Ctl = Callable[..., str]

PLUGIN = '''"""An API whose requests are signed with key pairs."""

import hashlib
import hmac

from hanami_core import hookimpl
from hanami_core.errors import Unauthorized
from hanami_core.http import Api, Call, Empty, Page, Route
from hanami_plugins.keypairs import credential, record_use

requires = ("keypairs",)


class Signed:
    name = "signed"

    def __init__(self, runtime):
        self.runtime = runtime

    def identify(self, request):
        access_key, _, signature = (request.get_header("X-Signed") or "").partition(":")
        if not access_key:
            return None
        found = credential(self.runtime, access_key)
        secret_key = found.secret_key if found else ""
        expected = hmac.new(secret_key.encode(), request.path.encode(), hashlib.sha256).hexdigest()
        if found is None or not hmac.compare_digest(expected, signature):
            raise Unauthorized("signature_invalid")
        actor = found.principal.actor(self.runtime.identity, self.name)
        record_use(self.runtime, found)
        return actor


def tell(call: Call, request: Empty) -> Page:
    """Tell who asks."""
    return Page(f"{call.actor.user_id} in {call.actor.project_id}".encode(), "text/plain")


@hookimpl
def hanami_authenticators(runtime):
    return [Signed(runtime)]


@hookimpl
def hanami_apis():
    return [Api("signed", "/signed", ("signed",))]


@hookimpl
def hanami_routes():
    return [Route("GET", "/whoami", "signed.tell", Empty, Page, tell, api="signed")]
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with the API; two processes answer."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "signed.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANAMI_PLUGINS_DIR", str(folder))
        with LocalServer(tmp_path_factory.mktemp("keypairs") / "data", settings={"http.workers": 2}) as running:
            yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


@pytest.fixture
def ctl(server: LocalServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ctl:
    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
    monkeypatch.setenv("HANAMI_USER", server.user)
    monkeypatch.setenv("HANAMI_PASSPHRASE", server.passphrase)

    def run(*argv: str) -> str:
        capsys.readouterr()
        code = hanamictl.main(argv)
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return run


def ask(server: LocalServer, access_key: str, secret_key: str) -> tuple[int, str]:
    """Send a signed request on a connection of its own."""
    signature = hmac.new(secret_key.encode(), b"/signed/whoami", hashlib.sha256).hexdigest()
    headers = {"X-Signed": f"{access_key}:{signature}", "Connection": "close"}
    answer = requests.get(f"{server.address}/signed/whoami", headers=headers, timeout=30)
    return answer.status_code, answer.text


def statuses(server: LocalServer, access_key: str, secret_key: str) -> set[int]:
    """Return what processes that answer say."""
    return {ask(server, access_key, secret_key)[0] for _ in range(8)}


def test_a_pair_signs_requests_for_as_long_as_it_is_active(server: LocalServer, ctl: Ctl) -> None:
    made = json.loads(ctl("keypair", "create", "--description", "nightly builds", "-j"))
    access_key, secret_key = keys = made["access_key"], made["secret_key"]
    assert (len(access_key), len(secret_key)) == (20, 40)
    assert ask(server, *keys) == (200, "demo in admin")
    assert ask(server, access_key, secret_key[::-1])[0] == 401
    for command, status in (("deactivate", 401), ("activate", 200), ("deactivate", 401)):
        shown = json.loads(ctl("keypair", command, access_key, "-j"))
        assert shown["is_active"] is (command == "activate")
        assert statuses(server, *keys) == {status}
    ctl("keypair", "activate", access_key)
    assert statuses(server, *keys) == {200}
    assert f"successfully deleted keypair '{access_key}'\n" == ctl("keypair", "delete", access_key)
    assert statuses(server, *keys) == {401}


def test_its_last_use_is_shown(server: LocalServer, client: Client) -> None:
    pair = client.create_keypair()
    assert client.keypair(pair.access_key).last_used_at == "-"
    assert ask(server, pair.access_key, pair.secret_key)[0] == 200
    until(lambda: client.keypair(pair.access_key).last_used_at != "-")
    client.delete_keypair(pair.access_key)


def test_pairs_of_users_are_their_own(server: LocalServer, client: Client) -> None:
    passphrase = "a long passphrase"
    client.create_project("flower_shop", "Flower shop")
    for user in ("katherine", "dorothy"):
        client.create_user(user, user, passphrase)
        client.add_to_project(user, "flower_shop")
    with (
        Client(server.address, "katherine", passphrase) as user,
        Client(server.address, "dorothy", passphrase) as other,
    ):
        pair = user.create_keypair("mine")
        assert ask(server, pair.access_key, pair.secret_key) == (200, "katherine in flower_shop")
        assert other.keypairs() == []
        for change in (other.keypair, other.delete_keypair, other.deactivate_keypair):
            with pytest.raises(NotFoundException):
                change(pair.access_key)
        with pytest.raises(UnauthorizedException):
            other.create_keypair(user_id="katherine")
        assert pair.access_key in {one.access_key for one in client.keypairs()}
        while len(user.keypairs()) < 10:
            user.create_keypair()
        with pytest.raises(ConflictException, match="has 10 key pairs, more are not allowed"):
            user.create_keypair()
        user.change_passphrase("another long one")
        assert ask(server, pair.access_key, pair.secret_key)[0] == 200
    client.delete_user("katherine")
    assert statuses(server, pair.access_key, pair.secret_key) == {401}
    client.create_user("katherine", "Another one", passphrase)
    client.add_to_project("katherine", "flower_shop")
    assert statuses(server, pair.access_key, pair.secret_key) == {401}
    with Client(server.address, "katherine", passphrase) as later:
        assert later.keypairs() == []


def test_no_file_and_no_log_contains_a_secret_key(server: LocalServer, client: Client) -> None:
    pair = client.create_keypair("stays")
    ask(server, pair.access_key, pair.secret_key)
    ask(server, pair.access_key, pair.secret_key[::-1])
    found = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert any(pair.access_key.encode() in path.read_bytes() for path in found)
    assert not [path for path in found if pair.secret_key.encode() in path.read_bytes()]
    told = [client.audit_log(), client.error_log(), client.keypairs(), pair, pair._repr_html_()]  # type: ignore[attr-defined]
    assert pair.secret_key not in f"{told}"
    client.delete_keypair(pair.access_key)


@pytest.fixture
def resumed(server: LocalServer) -> Iterator[Callable[[bytes | None], None]]:
    """Return what serves with another key file, or with none; afterwards the right one is back."""
    file, right = server.data_dir / "keypairs.key", (server.data_dir / "keypairs.key").read_bytes()

    def resume(key: bytes | None) -> None:
        server.stop()
        file.unlink(missing_ok=True)
        if key is not None:
            file.write_bytes(key)
            file.chmod(0o600)
        server.resume()

    yield resume
    resume(right)


def listed(server: LocalServer) -> dict[str, Any]:
    done = hanami("plugins", "--json", "--data-dir", str(server.data_dir), env=dict(os.environ))
    return {one["name"]: one for one in json.loads(done.stdout)}


@pytest.mark.long
def test_a_lost_or_wrong_key_is_told(
    server: LocalServer, client: Client, resumed: Callable[[bytes | None], None]
) -> None:
    pair = client.create_keypair("old")
    right = (server.data_dir / "keypairs.key").read_bytes()
    resumed(None)
    assert not (server.data_dir / "keypairs.key").exists()
    assert "are encrypted with it; put it back" in json.dumps(listed(server)["keypairs"])
    with Client(server.address, server.user, server.passphrase) as admin:
        assert admin.clusters() == []
        with pytest.raises(UnauthorizedException):
            admin.keypairs()
    resumed(bytes(range(32)))
    assert ask(server, pair.access_key, pair.secret_key)[0] == 401
    log = server.log.read_text()
    assert f"secret key of {pair.access_key} cannot be decrypted with keypairs.key of the data directory" in log
    assert pair.secret_key not in log
    done = hanami("doctor", "--data-dir", str(server.data_dir), env=dict(os.environ))
    assert done.returncode == 1
    assert (
        f"key pair {pair.access_key}: its secret key was not encrypted with keypairs.key" in done.stderr + done.stdout
    )
    resumed(right)
    assert ask(server, pair.access_key, pair.secret_key)[0] == 200
