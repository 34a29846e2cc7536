"""Routes by which the contents of files come and go: tus 1.0 for uploads, plain downloads, both opened by a token.

Released clients call them the storage proxy. Two things about these clients decide how errors look here. After a piece
of an upload that was not answered with 204 they sleep for five minutes and then die of a defect, so a client that names
itself as they do is told by an answer that it gives up on at once. And they save whatever has a length as the file that
they download, so errors of downloads have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest, Conflict, InsufficientStorage, PreconditionFailed, UnsupportedMedia
from hanami_core.http import Call, Download, Empty, Route, Stream
from hanami_core.storage.failures import storage_failure
from hanami_plugins import folders
from hanami_plugins.api_backendai import PREFIX
from hanami_plugins.backendai_folders.answers import ByFolder, InFolder, named
from hanami_plugins.backendai_folders.problems import STORAGE_PROBLEMS
from hanami_plugins.backendai_folders.routes import FOLDER, GROUP, folder_route

if TYPE_CHECKING:
    import falcon

__all__ = ["routes"]

UPLOAD, DOWNLOAD = "/storage/upload", "/storage/download"
TUS = "1.0.0"
PIECE_TYPE = "application/offset+octet-stream"
TOO_LONG, WRONG_OFFSET = "folder_upload_too_long", "folder_upload_offset"
RELEASED = "aiohttp/3."
"""In the header ``User-Agent`` of released clients."""
LONGEST_REASON = 500
LARGEST_PIECE = 1 << 40
EXAMPLE_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJvcCI6InVwbG9hZCJ9.c2lnbmF0dXJl"  # noqa: S105 - an example

Token = Annotated[str, Meta(max_length=16_384, examples=[EXAMPLE_TOKEN])]
Size = Annotated[int, Meta(ge=0, le=1 << 62, examples=[167_518])]


class RequestUpload(ByFolder, forbid_unknown_fields=True):
    """A file that will be uploaded.

    Attributes:
        path: its path in the folder; a file that is there is replaced.
        size: its size in bytes; an empty file is there at once.
    """

    path: InFolder
    size: Size


class RequestDownload(ByFolder, forbid_unknown_fields=True):
    """A file or a directory that will be downloaded.

    Attributes:
        path: its path in the folder.
        archive: whether it is a directory, which is sent as a tar archive.
    """

    path: InFolder
    archive: bool = False


class Ticket(msgspec.Struct):
    """Where the content goes to or comes from.

    Attributes:
        token: opens the address, as its query `token`; no other credential is needed.
        url: the address.
    """

    token: Token
    url: Annotated[str, Meta(examples=[f"http://127.0.0.1:11418{PREFIX}{UPLOAD}"])]


class ByToken(msgspec.Struct, forbid_unknown_fields=True):
    """A transfer.

    Attributes:
        token: token of the transfer.
    """

    token: Token


def routes() -> list[Route]:
    """Return the routes."""
    one = folder_route
    by_token = {"anonymous": True, "problems": STORAGE_PROBLEMS}
    piece = {"max_body": LARGEST_PIECE, "raw_body": True, "refused": end_client}
    return GROUP.of(
        one("POST", f"{FOLDER}/request-upload", "request_upload", RequestUpload, Ticket, request_upload),
        one("POST", f"{FOLDER}/request-download", "request_download", RequestDownload, Ticket, request_download),
        one("OPTIONS", UPLOAD, "protocol", Empty, None, describe, **by_token),
        one("HEAD", UPLOAD, "progress", ByToken, None, progress, **by_token),
        one("PATCH", UPLOAD, "upload", ByToken, None, receive, **by_token, **piece),
        one("DELETE", UPLOAD, "withdraw", ByToken, None, withdraw, **by_token),
        one("GET", DOWNLOAD, "download", ByToken, Download, send, **by_token, refused=take_length),
    )


def request_upload(call: Call, request: RequestUpload) -> Ticket:
    """Announce a file; from then on there is room for it."""
    ticket = folders.begin_upload(call.runtime, call.access, named(call, request.name), request.path, request.size)
    return Ticket(ticket.token, _address(call, UPLOAD))


def request_download(call: Call, request: RequestDownload) -> Ticket:
    """Ask for a file, or for a directory as an archive."""
    folder = named(call, request.name)
    token = folders.begin_download(call.runtime, call.access, folder, request.path, archive=request.archive)
    return Ticket(token, _address(call, DOWNLOAD))


def _address(call: Call, path: str) -> str:
    """Return the address of a path, by the name that the client knows the server by."""
    return f"{call.req.forwarded_scheme}://{call.req.get_header('Host') or call.req.netloc}{PREFIX}{path}"


# -- uploads -----------------------------------------------------------------------------------------------------------


def describe(call: Call, request: Empty) -> None:
    """Tell what of tus is spoken here."""
    call.resp.set_headers({"Tus-Resumable": TUS, "Tus-Version": TUS, "Tus-Extension": "termination"})


def progress(call: Call, request: ByToken) -> None:
    """Tell how many bytes of an upload have arrived; an interrupted one continues there."""
    arrived, size = folders.upload_offset(call.runtime, request.token)
    if arrived == size:
        _complete(call, request.token, size)
    _tell(call, arrived)
    call.resp.set_headers({"Upload-Length": str(size), "Cache-Control": "no-store"})


def _complete(call: Call, token: str, size: int) -> None:
    """Put a file that has arrived into its folder, if that failed; clients think that it is there."""
    try:
        folders.append(call.runtime, token, size, ())
    except Conflict as error:
        if error.code != WRONG_OFFSET:  # so it is there already
            raise


def receive(call: Call, request: ByToken) -> None:
    """Take a piece of a file; with the last one, the file is in the folder.

    If the connection breaks off, what has arrived is kept. If there is no room any more, or the file is longer than
    announced, the upload ends.
    """
    try:
        arrived = folders.append(call.runtime, request.token, _offset(call.req), call.body)
    except Exception as error:
        if _is_final(error):
            # Nobody can come back for it, and until its time is over it would take room that is needed.
            folders.withdraw_upload(call.runtime, request.token)
        raise
    _tell(call, arrived)


def _is_final(error: Exception) -> bool:
    too_long = isinstance(error, BadRequest) and error.code == TOO_LONG
    return too_long or isinstance(storage_failure(error) or error, InsufficientStorage)


def _offset(request: falcon.Request) -> int:
    """Return the offset of a piece.

    Raises:
        PreconditionFailed: if the client speaks another version.
        UnsupportedMedia: if the body is none.
        BadRequest: if there is no offset.
    """
    if request.get_header("Tus-Resumable", default=TUS) != TUS:
        raise PreconditionFailed("upload_protocol", version=TUS)
    if (request.content_type or "").partition(";")[0].strip().lower() != PIECE_TYPE:
        raise UnsupportedMedia("upload_media_type")
    text = request.get_header("Upload-Offset") or ""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest("field_invalid", field="Upload-Offset", reason="it must be a number of bytes")
    return int(text)


def _tell(call: Call, arrived: int) -> None:
    call.resp.set_headers({"Tus-Resumable": TUS, "Upload-Offset": str(arrived)})


def withdraw(call: Call, request: ByToken) -> None:
    """Give an upload up; what has arrived of it goes."""
    folders.withdraw_upload(call.runtime, request.token)
    call.resp.set_header("Tus-Resumable", TUS)


def end_client(request: falcon.Request, response: falcon.Response, text: str) -> None:
    """Let a released client fail at once, and show why: it stops at an offset that is no number."""
    if RELEASED in (request.user_agent or ""):
        response.status, response.data, response.content_type = 204, None, None
        response.set_header("Upload-Offset", text[:LONGEST_REASON].encode("unicode_escape").decode("ascii"))
    response.set_header("Tus-Resumable", TUS)


# -- downloads ---------------------------------------------------------------------------------------------------------


def send(call: Call, request: ByToken) -> Download | Stream:
    """Send a file, or a directory as an archive.

    A client whose connection broke off asks for the rest of a file with `Range` and `If-Range`: `ETag` names the
    content.
    """
    found = folders.open_download(call.runtime, request.token)
    if not found.tag:  # an archive, which is made while it is sent
        return Stream(found.read(0, found.size), "application/x-tar", found.size, found.name)
    return Download(found.size, found.tag, found.read, name=found.name, done=found.close)


def take_length(request: falcon.Request, response: falcon.Response, text: str) -> None:
    """Send an error without telling its length, so that a released client does not take it for the file."""
    response.stream, response.data = _once(response.data or b""), None


def _once(data: bytes) -> Iterator[bytes]:
    yield data
