"""A policy file on a real server: what it lists counts, in the order of checks that clients rely on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.errors import StartupError
from hanami_server.demo.local import LocalServer
from tests.service.wire import Wire

SHIPPED = Path(__file__).parents[2] / "docs" / "openhanami.policy"
OWN = "--set=policy_file.path=own.policy"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The admin's connection to a server with the policy that OpenHanami ships."""
    data_dir = tmp_path_factory.mktemp("policy") / "data"
    data_dir.mkdir()
    leftover = "v1.0alpha/request_result\n  - GET : admin\n"
    (data_dir / "own.policy").write_text(SHIPPED.read_text() + leftover)
    with LocalServer(data_dir, OWN) as server:
        wire = Wire(server.address)
        wire.token = wire.login(server.user, server.passphrase)
        yield wire


@pytest.fixture(scope="module")
def lookalike(strict: Wire) -> str:
    """Return the token of somebody whose role has the name of the admins'."""
    strict.body("POST", "project", {"id": "rooms", "name": "Rooms"})
    strict.body("POST", "user", {"id": "tsugumi", "name": "Tsugumi", "password": "a long passphrase"})
    strict.body("POST", "user/project", {"id": "tsugumi", "project_id": "rooms", "role": "admin"})
    return strict.login("tsugumi", "a long passphrase")


def test_a_listed_path_without_an_endpoint_is_told(strict: Wire) -> None:
    for call in ("GET request_result", "POST dataset", "PUT checkpoint"):
        method, path = call.split()
        text = f"No endpoint found for path 'v1.0alpha/{path}' and type {method}"
        assert strict.call(method, path, {"any": "field"}) == (400, text)
        assert strict.call(method, path, {}, "bad.to.ken").status == 401
    noted = strict.query("GET", "audit_log", page=0).json["body"][-2:]
    assert [row[2:] for row in noted] == [["v1.0alpha/dataset", "POST"], ["v1.0alpha/checkpoint", "PUT"]]


def test_what_is_not_listed_is_refused_to_everybody(strict: Wire) -> None:
    for call in ("GET nothing", "PUT cluster", "PUT user/passphrase", "GET cluster/", "GET Cluster", "DELETE token"):
        method, path = call.split()
        assert strict.call(method, path, {}) == (401, "Access denied by policy")
    assert strict.query("GET", "auth", endpoint="v1.0alpha/user/passphrase", http_type=5).status == 401
    assert strict.query("GET", "auth", endpoint="v1.0alpha/nothing", http_type=2) == (401, "Access denied by policy")
    assert strict.query("GET", "auth", endpoint="v1.0alpha/cluster/all", http_type=2).status == 200


def test_anonymous_paths_are_not_looked_up(strict: Wire) -> None:
    for path in ("/health/live", "/health/ready", "/openapi.json", "/docs"):
        assert strict.query("GET", path, "").status == 200


def test_a_role_with_the_name_of_the_admins_is_no_admin(strict: Wire, lookalike: str) -> None:
    calls = ("POST user", "GET user", "DELETE user", "GET user/all", "POST project", "GET project", "GET project/all")
    for call in (*calls, "DELETE project", "DELETE user/project"):
        method, path = call.split()
        assert strict.call(method, path, {}, lookalike) == (401, ""), call
    answer = strict.query("GET", "error_log", lookalike, page=0)
    assert answer == (401, "only an admin is allowed to request error-logs")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1, column 1: the file ends too early, expected a word"),
        ("v1.0alpha/cluster\n  -GET : admin\n", "line 2, column 3: unexpected '-GET', expected '- '"),
        ("v1.0alpha/cluster\n  - GET : admin # all\n", "line 2, column 17: invalid character '#'"),
        (None, "own.policy: "),
    ],
)
def test_a_server_does_not_start_with_a_broken_policy(tmp_path: Path, text: str | None, place: str) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    if text is not None:
        (data_dir / "own.policy").write_text(text)
    with pytest.raises(StartupError) as caught, LocalServer(data_dir, OWN):
        pytest.fail("the server starts")
    assert place in str(caught.value)
    assert "own.policy" in str(caught.value)
