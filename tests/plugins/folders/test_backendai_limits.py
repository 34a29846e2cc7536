"""What released clients of Backend.AI are told when something is full, missing or goes wrong in the middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from hanami_plugins.folders import FolderUpload
from hanami_plugins.folders.opening import storage_of
from tests.plugins.backendai_kit import SignedClient
from tests.plugins.folders.wire import (
    RELEASED,
    announce,
    answered,
    download,
    fetch,
    names,
    patch,
    problem,
    send,
)
from tests.whole import Whole


def test_a_full_folder_refuses_before_anything_is_sent(client: SignedClient, whole: Whole) -> None:
    answered(client.call("POST", "/folders", name="texts", quota="1k"), 201)
    announce(client, "first", 1000)
    refused = client.call("POST", "/folders/texts/request-upload", path="second", size=100)
    assert problem(refused) == (412, "quota-exceeded")
    assert FolderUpload.active().count() == 1


@pytest.mark.usefixtures("texts")
def test_a_quota_that_is_full_in_the_middle_leaves_nothing(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    whole.call("PUT", "quota", user_id="grace", resource="disk", limit=5)
    assert problem(patch(whole, token, 4, b"4567")) == (412, "storage/quota-exceeded")
    assert names(client) == []
    assert FolderUpload.select().count() == 0
    assert list(storage_of(whole.runtime, "files").uploads()) == []


@pytest.mark.usefixtures("texts")
def test_a_disk_that_is_full_in_the_middle_leaves_nothing(
    whole: Whole, client: SignedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    with monkeypatch.context() as patched:
        patched.setattr(storage_of(whole.runtime, "files"), "append", Mock(side_effect=OSError(28, "full")))
        assert problem(patch(whole, token, 4, b"4567")) == (412, "storage/quota-exceeded")
    assert FolderUpload.select().count() == 0
    assert list(storage_of(whole.runtime, "files").uploads()) == []


@pytest.mark.usefixtures("texts")
def test_a_released_client_is_told_at_once_why_its_upload_fails(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    answered(client.call("DELETE", "/folders/texts"), 204)
    refused = patch(whole, token, 4, b"4567", **RELEASED)
    assert (refused.status_code, refused.content) == (204, b"")
    text = refused.headers["upload-offset"]
    assert text.startswith("Folder with UUID")
    assert text.isascii()
    with pytest.raises(ValueError, match="not found"):
        int(text)


@pytest.mark.usefixtures("texts")
def test_the_reason_fits_into_a_header(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "a\nb 花", 4)
    answered(client.call("POST", "/folders/texts/mkdir", path="a\nb 花"), 201)
    text = patch(whole, token, 0, b"0123", **RELEASED).headers["upload-offset"]
    assert text == "'a\\nb \\u82b1' is a directory"


@pytest.mark.usefixtures("texts")
def test_errors_of_downloads_have_no_length(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "file", b"1")
    token = answered(client.call("POST", "/folders/texts/request-download", path="file"))["token"]
    answered(client.call("DELETE", "/folders/texts/delete-files", files=["file"]))
    for one, expected in ((token, (404, "storage/object-not-found")), (token + "x", (401, "storage/invalid-token"))):
        refused = download(whole, one)
        assert problem(refused) == expected
        assert "content-length" not in refused.headers


@pytest.mark.usefixtures("texts")
def test_a_token_is_good_for_what_it_was_issued_for(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "file", b"1")
    token = answered(client.call("POST", "/folders/texts/request-download", path="file"))["token"]
    assert problem(patch(whole, token, 0, b"1")) == (401, "storage/invalid-token")
    assert problem(download(whole, announce(client, "file", 1))) == (401, "storage/invalid-token")


def test_missing_files_are_refused_when_they_are_asked_for(client: SignedClient, texts: dict[str, Any]) -> None:
    answered(client.call("POST", "/folders/texts/mkdir", path="d"), 201)
    refused = client.call("POST", "/folders/texts/request-download", path="nothing")
    assert problem(refused) == (404, "object-not-found")
    assert problem(client.call("POST", "/folders/texts/request-download", path="d")) == (
        400,
        "vfolder-operation-failed",
    )
    assert problem(client.call("POST", "/folders/texts/request-upload", path="d", size=1)) == (
        400,
        "vfolder-operation-failed",
    )


def test_too_many_folders_are_refused(whole: Whole, client: SignedClient, texts: dict[str, Any]) -> None:
    whole.call("PUT", "quota", user_id="grace", resource="folders", limit=1)
    assert problem(client.call("POST", "/folders", name="more")) == (412, "quota-exceeded")
    assert len(answered(client.call("GET", "/folders"))) == 1


def test_a_frozen_server_takes_the_rest_of_an_upload(
    whole: Whole, client: SignedClient, texts: dict[str, Any], known: Callable[[str], SignedClient]
) -> None:
    token = announce(client, "file", 4)
    answered(known("chief").call("PUT", "/manager/status", status="frozen"), 204)
    try:
        assert problem(client.call("POST", "/folders/texts/request-upload", path="b", size=1)) == (503, "server-frozen")
        assert patch(whole, token, 0, b"0123").status_code == 204
        assert fetch_frozen(client) == (503, "server-frozen")
    finally:
        answered(known("chief").call("PUT", "/manager/status", status="running"), 204)
    assert fetch(whole, client, "file").content == b"0123"


def fetch_frozen(client: SignedClient) -> tuple[int, str]:
    return problem(client.call("POST", "/folders/texts/mkdir", path="new"))
