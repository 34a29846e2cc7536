"""Datasets from files in folders of the server, and tables that it writes to folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hanami_sdk._endpoint import Endpoint
from hanami_sdk._http import item
from hanami_sdk._upload import DECODING, given_up_on, wait_until_decoded
from hanami_sdk._work import wait_for_work
from hanami_sdk.hanami_exceptions import BadRequestException, InternalServerErrorException

if TYPE_CHECKING:
    from hanami_sdk._sources import Part

IMPORT_PATH, EXPORT_PATH = "/dataset/import", "/dataset/export"


def import_dataset(
    endpoint: Endpoint, name: str, format: str, folder_uuid: str, parts: Mapping[str, Part], **more: object
) -> str:
    """Have a dataset made of files in a folder, wait until it is ready, and return its UUID.

    Args:
        endpoint: where to.
        name: name of the dataset.
        format: name of the format.
        folder_uuid: UUID of the folder.
        parts: path in the folder by the name of the part.
        more: further fields of the call.

    Raises:
        TypeError: a part is not a path.
        BadRequestException: the server refuses the files.
        InternalServerErrorException: the server could not read them.
    """
    files = {part: _path(part, path) for part, path in parts.items()}
    body = {"name": name, "format": format, "folder_uuid": folder_uuid, "files": files}
    answer = endpoint.post(IMPORT_PATH, body | more)
    uuid = str(item(answer, "uuid"))
    if answer.get("state") == DECODING:
        refused = given_up_on(BadRequestException, lambda: endpoint.delete("/dataset", uuid=uuid))
        failed = given_up_on(InternalServerErrorException, lambda: endpoint.delete("/dataset", uuid=uuid))
        with refused, failed:
            wait_until_decoded(endpoint, uuid)
    return uuid


def _path(part: str, path: Part) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"'{part}' must be a path in the folder, not {type(path).__name__}")
    return str(os.fspath(path))


def export_dataset(endpoint: Endpoint, uuid: str, folder_uuid: str, path: str | os.PathLike[str], format: str) -> None:
    """Have the table of a dataset written to a file in a folder, and wait until it is there, however long that takes.

    Raises:
        BadRequestException: the server could not write it.
    """
    body = {"uuid": uuid, "folder_uuid": folder_uuid, "path": os.fspath(path), "format": format}
    wait_for_work(endpoint, EXPORT_PATH, endpoint.post(EXPORT_PATH, body), f"the export of dataset {uuid}")
