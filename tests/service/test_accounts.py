"""Accounts on a real server: logs, passphrases and the description of the API, through the SDK."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from hanami_sdk import Client, UnauthorizedException
from hanami_server.local import LocalServer


def audited(client: Client) -> list[Mapping[str, Any]]:
    """Return all pages of the caller's audit log."""
    return [row for rows in itertools.takewhile(bool, map(client.audit_log, itertools.count())) for row in rows]


def test_a_changed_passphrase_ends_other_logins(server: LocalServer, client: Client) -> None:
    client.create_project("secretive", "Secretive")
    client.create_user("natsume", "Natsume", "first passphrase")
    client.add_to_project("natsume", "secretive")
    with (
        Client(server.address, "natsume", "first passphrase") as own,
        Client(server.address, "natsume", "first passphrase") as other,
    ):
        assert own.datasets() == other.datasets() == []
        own.change_passphrase("second passphrase")
        assert own.datasets() == []
        with pytest.raises(UnauthorizedException):
            other.datasets()
        client.change_passphrase("third passphrase", "natsume")
        with pytest.raises(UnauthorizedException):
            own.datasets()
    with Client(server.address, "natsume", "third passphrase") as again:
        assert [row["request_type"] for row in again.audit_log()] == ["PUT"]
    assert audited(client)[-1]["endpoint"] == "v1.0alpha/user/passphrase"


def test_the_logs_of_a_server(client: Client) -> None:
    client.create_project("logged", "Logged")
    assert (audited(client)[-1]["endpoint"], audited(client)[-1]["request_type"]) == ("v1.0alpha/project", "POST")
    assert client.audit_log(1_000_000) == []
    assert all(row["component"] for row in client.error_log())


def test_measurements_of_a_server(server: LocalServer, client: Client) -> None:
    threads = client.get("/threading")["thread_map"]
    assert any(name.startswith("api/") for name in threads)
    assert any(name.startswith(f"{host}/") for host in ("cpu0",) for name in threads)
    assert client.get("/system_info")["info"]["hostname"]


def test_the_description_of_a_server(server: LocalServer) -> None:
    document = requests.get(f"{server.address}/openapi.json", timeout=10).json()
    assert "/v1.0alpha/cluster" in document["paths"]
    page = requests.get(f"{server.address}/docs", timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
