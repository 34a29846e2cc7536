"""An upload: announce the sizes, send each part in acknowledged chunks, wait, finish. It knows no format."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from hanami_sdk._endpoint import Endpoint
from hanami_sdk._http import item, knows_not
from hanami_sdk._json import JsonObject
from hanami_sdk._messages import decode_response, encode_chunk
from hanami_sdk._retry import Backoff
from hanami_sdk._sources import Source, open_sources
from hanami_sdk._waiting import pauses, wait_until
from hanami_sdk.hanami_exceptions import (
    BadRequestException,
    ConnectionFailedException,
    InternalServerErrorException,
    NotFoundException,
    UploadException,
    WaitTimeoutException,
)

if TYPE_CHECKING:
    from hanami_sdk._sources import Part

UPLOADING, DECODING, READY, REFUSED = "uploading", "decoding", "ready", "refused"
CHUNK = 131_072  # the released clients send 128 KiB, and servers count in such pieces
UPLOAD_PATH = "/dataset/upload/{}"
"""Path of a format."""
PROGRESS_PATH = "/dataset/progress"
"""Path that tells how far the upload of a dataset is."""
NOTHING: Mapping[str, object] = MappingProxyType({})

Progress = Callable[[int, int], None]
"""Called with the amount done and the total: bytes of an upload, cycles of a task."""


@dataclass(frozen=True)
class Upload:
    """A dataset, or another thing that is made of files, while it is being uploaded.

    Attributes:
        endpoint: where to.
        path: path of the format.
        uuid: UUID of the thing to be.
        files: UUID of the file of each part.
        progress_path: path that tells how far it is.
    """

    endpoint: Endpoint
    path: str
    uuid: str
    files: Mapping[str, str]
    progress_path: str = PROGRESS_PATH

    @classmethod
    def announce(
        cls,
        endpoint: Endpoint,
        name: str,
        format: str,
        sources: Mapping[str, Source],
        path: str = UPLOAD_PATH,
        progress_path: str = PROGRESS_PATH,
        fields: Mapping[str, object] = NOTHING,
        more: Mapping[str, object] = NOTHING,
    ) -> Upload:
        """Tell the server name and sizes; it reserves the room. In `path`, `{}` stands for the format.

        Further `fields` are told as well; what is `more` is left out for a server that does not know it.
        """
        path = path.format(quote(format, safe=""))
        sizes = {f"{part}_data_size": source.size for part, source in sources.items()}
        try:
            answer = endpoint.post(path, {"name": name, **sizes, **fields, **more})
        except BadRequestException as error:
            if not any(knows_not(error, field) for field in more):
                raise
            answer = endpoint.post(path, {"name": name, **sizes, **fields})
        try:
            files = {part: answer[f"uuid_{part}_file"] for part in sources}
            return cls(endpoint, path, answer["uuid"], files, progress_path)
        except KeyError as error:
            raise UploadException(f"the format '{format}' has other parts: the answer lacks {error}") from error

    def run(self, sources: Mapping[str, Source], progress: Progress | None = None) -> None:
        """Send all parts and finish the dataset; raises what `send` and `finish` raise."""
        self.send(sources, progress)
        self.finish()

    def send(self, sources: Mapping[str, Source], progress: Progress | None = None) -> None:
        """Send all parts.

        Raises:
            UploadException: the server refused a chunk.
            WaitTimeoutException: the server does not report the files as complete.
        """
        total, done = sum(source.size for source in sources.values()), 0
        for part, source in sources.items():
            before = done

            def reached(position: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + position, total)

            send_file(self.endpoint, self.uuid, self.files[part], source, reached, self.progress_path)
            done += source.size
        wait_until_complete(self.endpoint, self.uuid, self.progress_path)

    def finish(self) -> None:
        """Have the server read the files, and wait until it has, however long that takes.

        Raises:
            BadRequestException: the server refuses the files.
            InternalServerErrorException: the server could not read them; they may be finished again. With the calls of
                v0.4 it is a ConflictException.
            ConnectionFailedException: the connection was lost for too long. On the server it goes on.
        """
        body = {"uuid": self.uuid, **{f"uuid_{part}_file": uuid for part, uuid in self.files.items()}}
        backoff, lost = Backoff(self.endpoint.retry), False
        state = UPLOADING
        while state == UPLOADING:
            try:
                state = self.endpoint.put(self.path, body).get("state", READY)
            except NotFoundException as error:
                if not lost:
                    raise
                state = self._state_after(error, backoff)
            except _failures() as error:
                # Nobody knows whether the server has got the request. Sending it again does no harm: while the files
                # are read it waits for the same, and afterwards it finds none.
                lost = True
                state = self._state_after(error, backoff)
        if state == DECODING:
            wait_until_decoded(self.endpoint, self.uuid, self.progress_path)

    def _state_after(self, error: Exception, backoff: Backoff) -> str:
        """Return the state of the dataset after a request failed with `error`."""
        while backoff.pause():
            with suppress(*_failures()):
                answer = self.endpoint.get(self.progress_path, uuid=self.uuid)
                if answer.get("received") is None:  # a server of another make
                    break
                return state_of(answer)
        raise error


@contextmanager
def given_up_on(kind: type[BaseException], give_up: Callable[[], object]) -> Iterator[None]:
    """Give an upload up after an error, except one that only tells that the client does not wait any longer."""
    try:
        yield
    except WaitTimeoutException:
        raise
    except kind:
        with suppress(Exception):  # the reason of the failure is what the user must see
            give_up()
        raise


def wait_until_decoded(endpoint: Endpoint, uuid: str, progress_path: str = PROGRESS_PATH) -> None:
    """Wait until the server has read the files of a dataset, or of another thing, however long that takes.

    Raises:
        BadRequestException: the server refuses the files.
        InternalServerErrorException: the server could not read them.
    """
    backoff = Backoff(endpoint.retry)
    for pause in pauses(None, f"the end of the upload {uuid}"):
        try:
            answer = endpoint.get(progress_path, uuid=uuid)
        except _failures():
            if not backoff.pause():
                raise
            continue
        backoff.renew()
        state = state_of(answer)
        if state == UPLOADING:
            raise InternalServerErrorException(answer.get("error", ""))
        if state == READY:
            return
        time.sleep(pause)


def state_of(progress: JsonObject) -> str:
    """Return the state that a server's answer to a question for the progress tells of.

    Raises:
        BadRequestException: the files were refused.
    """
    state = progress.get("state")
    if state == REFUSED:
        raise BadRequestException(progress.get("error", ""))
    return DECODING if state == DECODING else UPLOADING if item(progress, "received") else READY


def send_part(endpoint: Endpoint, uuid: str, file_uuid: str, data: Part) -> None:
    """Send one file of an upload that was announced by hand; raises what `send_file` raises."""
    with open_sources({"data": data}) as sources:
        send_file(endpoint, uuid, file_uuid, sources["data"], lambda position: None)


def send_file(
    endpoint: Endpoint,
    uuid: str,
    file_uuid: str,
    source: Source,
    reached: Callable[[int], None],
    progress_path: str = PROGRESS_PATH,
) -> None:
    """Send one file. When the connection breaks off, go on with another one behind what the server has.

    Args:
        endpoint: where to.
        uuid: UUID of the dataset.
        file_uuid: UUID of the file.
        source: what to send.
        reached: called with the position behind each chunk that the server has written.
        progress_path: path that tells how far the upload is.

    Raises:
        ConnectionFailedException: there was no connection for too long, or the server does not tell what it has.
        UploadException: the server refused a chunk.
    """
    backoff, position = Backoff(endpoint.retry), 0

    def advance(to: int) -> None:
        nonlocal position
        position = to
        backoff.renew()
        reached(to)

    while True:
        try:
            return send_source(endpoint, file_uuid, source, advance, position)
        except ConnectionFailedException as error:
            asked = endpoint, progress_path, uuid
            position = _position_after(error, *asked, file_uuid, backoff)


def _position_after(
    error: ConnectionFailedException, endpoint: Endpoint, path: str, uuid: str, file_uuid: str, backoff: Backoff
) -> int:
    """Return how much of a file the server has after the connection broke off with `error`."""
    while backoff.pause():
        with suppress(*_failures()):
            received = endpoint.get(path, uuid=uuid).get("received")
            if received is None:  # a server of another make
                break
            return int(item(received, file_uuid))
    raise error


def _failures() -> tuple[type[Exception], ...]:
    from requests import RequestException  # what the documented functions raise

    return ConnectionFailedException, RequestException


def send_source(
    endpoint: Endpoint, file_uuid: str, source: Source, reached: Callable[[int], None], start: int = 0
) -> None:
    """Send the rest of a file over a websocket of its own, chunk by chunk.

    Args:
        endpoint: where to.
        file_uuid: UUID of the file.
        source: what to send.
        reached: called with the position behind each chunk that the server has written.
        start: position of the first chunk.
    """
    socket = endpoint.open_socket("file_upload", file_uuid, UploadException)
    try:
        for position in range(start, source.size, CHUNK):
            data = _read(source, position, min(CHUNK, source.size - position))
            success, error = decode_response(socket.exchange(encode_chunk(position, data)))
            if not success:
                raise UploadException(error or f"the server refused the bytes from {position} on")
            reached(position + len(data))
    finally:
        socket.close()


def _read(source: Source, position: int, count: int) -> bytes:
    """Read exactly `count` bytes: raw files and pipes may give less at a time."""
    data = source.read(position, count)
    while len(data) < count:
        piece = source.read(position + len(data), count - len(data))
        if not piece:
            raise UploadException("the file became shorter while it was sent")
        data += piece
    return data


def wait_until_complete(endpoint: Endpoint, uuid: str, progress_path: str = PROGRESS_PATH) -> None:
    """Wait until the server has all bytes of a dataset, or of another thing with a path of its own.

    Raises:
        NotFoundException: the upload does not exist any more.
        WaitTimeoutException: the files are not complete within the time-out of `endpoint`.
    """
    wait_until(
        lambda: item(endpoint.get(progress_path, uuid=uuid), "complete") is True,
        endpoint.timeout,
        f"the upload of dataset {uuid}",
    )
