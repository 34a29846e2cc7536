"""Requests of released clients of Backend.AI about virtual folders, and what answers them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hanami_plugins.folders import Folder
from tests.plugins.backendai_kit import SignedClient
from tests.whole import Whole

__all__ = [
    "PIECE",
    "RELEASED",
    "announce",
    "answered",
    "download",
    "fetch",
    "names",
    "patch",
    "place",
    "problem",
    "send",
]

KIND = "https://api.backend.ai/probs/"
RELEASED = {"User-Agent": "Python/3.11 aiohttp/3.8.6"}
PIECE = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}


def answered(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json if answer.text else None


def problem(answer: Any) -> tuple[int, str]:
    """Return status and kind of a problem, which has all that clients read."""
    found = answer.json
    assert isinstance(found["title"], str)
    assert isinstance(found["msg"], str)
    assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.status_code, found["type"].removeprefix(KIND)


def announce(client: SignedClient, path: str, size: int, folder: str = "texts") -> str:
    found = answered(client.call("POST", f"/folders/{folder}/request-upload", path=path, size=size))
    assert found["url"] == "http://hanami.test/backendai/storage/upload"
    return str(found["token"])


def patch(whole: Whole, token: str, offset: int | str, piece: bytes, **headers: str) -> Any:
    given = PIECE | {"Upload-Offset": str(offset)} | headers
    return whole.http.simulate_request(
        "PATCH", "/backendai/storage/upload", params={"token": token}, body=piece, headers=given
    )


def send(whole: Whole, client: SignedClient, path: str, content: bytes, folder: str = "texts") -> None:
    token = announce(client, path, len(content), folder)
    if content:
        answer = patch(whole, token, 0, content)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(content))), answer.text


def fetch(whole: Whole, client: SignedClient, path: str, folder: str = "texts", **fields: Any) -> Any:
    found = answered(client.call("POST", f"/folders/{folder}/request-download", path=path, **fields))
    assert found["url"] == "http://hanami.test/backendai/storage/download"
    return download(whole, found["token"])


def download(whole: Whole, token: str, **headers: str) -> Any:
    return whole.http.simulate_get("/backendai/storage/download", params={"token": token}, headers=headers)


def names(client: SignedClient, path: str = ".", folder: str = "texts") -> list[str]:
    found = answered(client.call("GET", f"/folders/{folder}/files", path=path))
    assert [one["name"] for one in found["items"]] == [one["filename"] for one in json.loads(found["files"])]
    return [one["name"] for one in found["items"]]


def place(whole: Whole) -> Path:
    """Return the directory that the only folder lies in."""
    folder = Folder.active().get()
    return Path(next(whole.runtime.settings.data_dir.rglob(folder.uuid)))
