"""The part of `Client` that takes checkpoints from one server to another."""

from __future__ import annotations

import os

from hanami_sdk import _checkpoint_file
from hanami_sdk._download import Download, Kept
from hanami_sdk._endpoint import Endpoint
from hanami_sdk._models import Checkpoint, CheckpointLike
from hanami_sdk._session import Session
from hanami_sdk._sources import open_sources
from hanami_sdk._upload import Progress, Upload, given_up_on
from hanami_sdk.hanami_exceptions import BadRequestException

EXPORT_PATH = "/checkpoint/export"
FILE_PATH, UPLOAD_PATH, PROGRESS_PATH = "/checkpoint/file", "/checkpoint/upload", "/checkpoint/progress"


def download(endpoint: Endpoint, uuid: str, path: str | os.PathLike[str], progress: Progress | None) -> None:
    """Write a checkpoint to a file; raises what `CheckpointMethods.download_checkpoint` raises."""
    kept = Kept(_checkpoint_file.tag_of, _checkpoint_file.check)
    Download(endpoint, FILE_PATH, {"uuid": uuid}).save(path, progress, kept)


def export(endpoint: Endpoint, uuid: str, format: str, path: str | os.PathLike[str], progress: Progress | None) -> None:
    """Write the network of a checkpoint to a file; raises what `CheckpointMethods.export` raises."""
    Download(endpoint, EXPORT_PATH, {"uuid": uuid, "format": format}).save(path, progress)


def upload(endpoint: Endpoint, name: str, path: str | os.PathLike[str], progress: Progress | None) -> str:
    """Make a checkpoint of a file and return its UUID; raises what `CheckpointMethods.upload_checkpoint` raises."""
    with open_sources({"input": path}) as sources:
        begun = Upload.announce(endpoint, name, "checkpoint", sources, UPLOAD_PATH, PROGRESS_PATH)
        with given_up_on(BaseException, lambda: endpoint.delete("/checkpoint", uuid=begun.uuid)):
            begun.send(sources, progress)
        # From here on the server has all of it: only a file that it refuses is of no use any more.
        with given_up_on(BadRequestException, lambda: endpoint.delete("/checkpoint", uuid=begun.uuid)):
            begun.finish()
    return begun.uuid


class CheckpointMethods(Session):
    """Download, upload and export checkpoints."""

    def download_checkpoint(
        self, checkpoint: CheckpointLike, path: str | os.PathLike[str], progress: Progress | None = None
    ) -> None:
        """Write a checkpoint to a file, which `upload_checkpoint` can upload to another server.

        After a broken connection, a download resumes where it stopped. An incomplete download is kept next to `path`,
        with `.part` appended to the name, and the next call continues it.

        Args:
            checkpoint: checkpoint, UUID or name.
            path: path of the file; an existing file is replaced.
            progress: called with the number of bytes done and the total.

        Raises:
            NotFoundException: there is no such checkpoint for this user.
            ConnectionFailedException: the connection was lost for too long.
            OSError: the file cannot be written.
        """
        download(self, self._uuid("checkpoint", checkpoint), path, progress)

    def upload_checkpoint(
        self, path: str | os.PathLike[str], name: str, progress: Progress | None = None
    ) -> Checkpoint:
        """Create a checkpoint from a file that `download_checkpoint` wrote, from this or another server.

        Args:
            path: path of the file.
            name: name of the checkpoint.
            progress: called with the number of bytes done and the total.

        Raises:
            BadRequestException: the file is damaged or of another kind, or the server cannot run its network.
            ConflictException: a quota is exhausted.
            ConnectionFailedException: the connection was lost for too long.
            OSError: the file cannot be read.
        """
        return Checkpoint.from_json(self._get_in_detail("/checkpoint", uuid=upload(self, name, path, progress)))

    def export(
        self,
        checkpoint: CheckpointLike,
        format: str,
        path: str | os.PathLike[str],
        progress: Progress | None = None,
    ) -> None:
        """Write the network of a checkpoint to a file that other programs can run.

        Args:
            checkpoint: checkpoint, UUID or name.
            format: `onnx` (a model for ONNX runtimes), `numpy` (a zip file with a Python module that needs only NumPy),
                or another format that a plugin of the server adds.
            path: path of the file; an existing file is replaced.
            progress: called with the number of bytes done and the total.

        Raises:
            BadRequestException: the server does not know the format, or the format cannot represent the network.
            NotFoundException: there is no such checkpoint for this user.
            ConnectionFailedException: the connection was lost for too long.
            OSError: the file cannot be written.
        """
        export(self, self._uuid("checkpoint", checkpoint), format, path, progress)
