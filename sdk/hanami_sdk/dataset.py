"""Datasets: upload, list, read, compare, delete.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). Unless they say otherwise they return the body of the answer, JSON, and raise a `HanamiException` if the
server refuses the request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hanami_sdk import _calls
from hanami_sdk._dataset_folders import export_dataset as _export_dataset
from hanami_sdk._dataset_folders import import_dataset as _import_dataset
from hanami_sdk._datasets import compared as _compared
from hanami_sdk._datasets import download as _download
from hanami_sdk._direct import in_thread
from hanami_sdk._sources import open_sources
from hanami_sdk._upload import Progress, Upload, send_part
from hanami_sdk._upload import wait_until_complete as _wait_until_complete

if TYPE_CHECKING:
    from hanami_sdk._sources import Part

__all__ = [
    "check_mnist_dataset",
    "compare_datasets",
    "delete_dataset",
    "download_dataset",
    "download_dataset_content",
    "get_dataset",
    "list_datasets",
    "send_data",
    "set_labels",
    "set_lease",
    "set_visibility",
    "upload_csv_files",
    "upload_files",
    "upload_mnist_files",
    "wait_until_upload_complete",
]


def upload_mnist_files(
    token: str,
    address: str,
    name: str,
    input_file_path: Part,
    label_file_path: Part,
    verify_connection: bool = True,
    *,
    folder: str | None = None,
) -> str:
    """Upload images and labels in the format of MNIST.

    Args:
        token: token.
        address: address of the server.
        name: name of the dataset, such as `my run #1`, at most 254 bytes.
        input_file_path: path of the IDX file with the images; one that ends in `.gz` is unpacked.
        label_file_path: path of the IDX file with the labels.
        verify_connection: check the certificate.
        folder: UUID of a folder of the server; the files are then paths in it, which are not unpacked, and nothing is
            sent.

    Returns:
        UUID of the dataset.

    Raises:
        OSError: a file cannot be read.
        BadRequestException: the server refused name, sizes or content.
        UploadException: the server refused a chunk.
    """
    parts = {"input": input_file_path, "label": label_file_path}
    return _upload(_calls.OneShot(token, address, verify_connection), name, "mnist", parts, idx=True, folder=folder)


def upload_csv_files(
    token: str,
    address: str,
    name: str,
    input_file_path: Part,
    verify_connection: bool = True,
    *,
    folder: str | None = None,
) -> str:
    """Upload a CSV file whose first line names the columns.

    Args:
        token: token.
        address: address of the server.
        name: name of the dataset.
        input_file_path: path of the file.
        verify_connection: check the certificate.
        folder: as for `upload_mnist_files`.

    Returns:
        UUID of the dataset.

    Raises:
        HanamiException: as for `upload_mnist_files`.
    """
    endpoint = _calls.OneShot(token, address, verify_connection)
    return _upload(endpoint, name, "csv", {"input": input_file_path}, folder=folder)


def upload_files(
    token: str,
    address: str,
    name: str,
    format: str,
    parts: Mapping[str, Part],
    verify_connection: bool = True,
    *,
    progress: Progress | None = None,
    folder: str | None = None,
) -> str:
    """Upload a dataset of any format that the server has.

    Args:
        token: token.
        address: address of the server.
        name: name of the dataset.
        format: name of the format, such as `parquet`.
        parts: path, bytes, or open binary file by the name of the part, mostly `{"input": path}`.
        verify_connection: check the certificate.
        progress: called with the number of bytes done and the total.
        folder: as for `upload_mnist_files`.

    Returns:
        UUID of the dataset.

    Raises:
        HanamiException: as for `upload_mnist_files`.
    """
    endpoint = _calls.OneShot(token, address, verify_connection)
    return _upload(endpoint, name, format, parts, progress, folder=folder)


def _upload(
    endpoint: _calls.OneShot,
    name: str,
    format: str,
    parts: Mapping[str, Part],
    progress: Progress | None = None,
    idx: bool = False,
    folder: str | None = None,
) -> str:
    if folder is not None:
        return _import_dataset(endpoint, name, format, folder, parts)
    with open_sources(parts, idx=idx) as sources:
        upload = Upload.announce(endpoint, name, format, sources, _calls.generation().upload_path)
        upload.run(sources, progress)
    return upload.uuid


async def send_data(
    token: str, address: str, dataset_uuid: str, file_uuid: str, data: Part, verify_connection: bool = True
) -> bool:
    """Send one file of an upload that was announced by hand.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the dataset.
        file_uuid: UUID of the file, from the answer to the announcement.
        data: content of the file.
        verify_connection: check the certificate.

    Returns:
        True.

    Raises:
        NotFoundException: there is no such file for this user.
        UploadException: the server refused a chunk.
    """
    await in_thread(send_part, _calls.OneShot(token, address, verify_connection), dataset_uuid, file_uuid, data)
    return True


def wait_until_upload_complete(token: str, address: str, uuid: str, verify_connection: bool = True) -> bool:
    """Wait until the server has all bytes of a dataset.

    Args:
        token: token.
        address: address of the server.
        uuid: UUID of the dataset.
        verify_connection: check the certificate.

    Returns:
        True.

    Raises:
        NotFoundException: the upload does not exist any more.
        WaitTimeoutException: not complete within the time-out, see `hanami_request.set_default_timeout`.
    """
    _wait_until_complete(_calls.OneShot(token, address, verify_connection), uuid)
    return True


def list_datasets(
    token: str, address: str, verify_connection: bool = True, *, details: bool = False, tag: str = ""
) -> bytes:
    """List all datasets that the user sees.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.
        details: whether the columns rows, format, about and tags are returned, too; OpenHanami's servers do not know
            them.
        tag: return only those with this tag.

    Returns:
        `{"header", "body"}` with the columns created_at, uuid, project_id, owner_id, visibility, name.
    """
    query = {"tag": tag} if tag else {}
    return _calls.get_in_detail(token, address, "/dataset/all", verify_connection, details, **query)


def get_dataset(
    token: str, address: str, dataset_uuid: str, verify_connection: bool = True, *, details: bool = False
) -> bytes:
    """Return a dataset.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the dataset.
        verify_connection: check the certificate.
        details: whether about and tags are returned, too; OpenHanami's servers do not know them.

    Returns:
        `{"created_at", "description", "name", "number_of_columns", "number_of_rows", "owner_id", "project_id", "uuid",
        "version", "visibility"}`; the description has `{"column_start", "column_end"}` for each column.

    Raises:
        NotFoundException: there is no such dataset for this user.
    """
    return _calls.get_in_detail(token, address, "/dataset", verify_connection, details, uuid=dataset_uuid)


def delete_dataset(
    token: str,
    address: str,
    checkpoint_uuid: str | None = None,
    verify_connection: bool = True,
    *,
    dataset_uuid: str | None = None,
) -> bytes:
    """Delete a dataset.

    Args:
        token: token.
        address: address of the server.
        checkpoint_uuid: UUID of the dataset; the released SDKs call it so.
        verify_connection: check the certificate.
        dataset_uuid: the same under its correct name; give one of the two.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such dataset for this user.
        TypeError: none of the two is given, or both.
    """
    if (checkpoint_uuid is None) == (dataset_uuid is None):
        raise TypeError("delete_dataset() needs the UUID of the dataset, once")
    return _calls.delete(token, address, "/dataset", verify_connection, uuid=checkpoint_uuid or dataset_uuid)


def check_mnist_dataset(
    token: str,
    address: str,
    dataset_uuid: str,
    reference_dataset_uuid: str,
    verify_connection: bool = True,
    *,
    equal_rows: bool = False,
) -> bytes:
    """Compare the result of a request task with the labels of an MNIST dataset.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the result, which is that of the task.
        reference_dataset_uuid: UUID of the dataset with the correct labels.
        verify_connection: check the certificate.
        equal_rows: refuse datasets with different numbers of rows; otherwise those that only one has are left out.

    Returns:
        `{"accuracy"}` in percent.

    Raises:
        NotFoundException: one of the two does not exist.
        BadRequestException: the two cannot be compared.
    """
    query = _compared(dataset_uuid, reference_dataset_uuid, equal_rows)
    return _calls.get(token, address, "/dataset/check", verify_connection, **query)


def compare_datasets(
    token: str,
    address: str,
    dataset_uuid: str,
    reference_dataset_uuid: str,
    column_name: str = "",
    reference_column_name: str = "",
    equal_rows: bool = True,
    verify_connection: bool = True,
) -> bytes:
    """Compare the result of a request task with the correct answers in detail: by class, and as numbers.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the result, which is that of the task.
        reference_dataset_uuid: UUID of the dataset with the correct answers.
        column_name: column of the result; empty where only one can be meant.
        reference_column_name: column with the correct answers; likewise.
        equal_rows: refuse datasets with different numbers of rows; otherwise those that only one has are left out.
        verify_connection: check the certificate.

    Returns:
        `{"accuracy", "report"}`; the report is `{"column_name", "reference_column_name", "rows", "mse", "mae", "r2",
        "confusion_matrix", "precision", "recall"}`, without the last three if the correct answers are not classes.

    Raises:
        NotFoundException: one of the two, or a column, does not exist.
        BadRequestException: the two cannot be compared.
    """
    named = {"column_name": column_name, "reference_column_name": reference_column_name}
    query = _compared(dataset_uuid, reference_dataset_uuid, equal_rows, report="true", **named)
    return _calls.get(token, address, "/dataset/check", verify_connection, **query)


def download_dataset_content(
    token: str,
    address: str,
    dataset_uuid: str,
    column_name: str,
    number_of_rows: int,
    row_offset: int = 0,
    verify_connection: bool = True,
) -> bytes:
    """Return values of one column.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the dataset; the result of a request task has the UUID of the task.
        column_name: name of the column.
        number_of_rows: how many rows, 1 to 10000.
        row_offset: first row, counted from 0.
        verify_connection: check the certificate.

    Returns:
        `{"data": [[…], …]}`, one inner list for each row, as long as the column is wide.

    Raises:
        NotFoundException: there is no such dataset or column.
        BadRequestException: the dataset has not that many rows.
    """
    query: dict[str, object] = {"uuid": dataset_uuid, "column_name": column_name}
    query |= {"row_offset": row_offset, "number_of_rows": number_of_rows}
    return _calls.get(token, address, "/dataset/content", verify_connection, **query)


def set_labels(
    token: str,
    address: str,
    dataset_uuid: str,
    verify_connection: bool = True,
    *,
    name: str | None = None,
    about: str | None = None,
    tags: Sequence[str] | None = None,
) -> bytes:
    """Change the name, the description or all tags of a dataset; None leaves a value unchanged.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the dataset.
        verify_connection: check the certificate.
        name: new name.
        about: description of up to 4096 bytes.
        tags: up to 32 tags of up to 64 bytes, with the same rules as names.

    Returns:
        `{"about", "created_at", "name", "owner_id", "project_id", "tags", "uuid", "visibility"}`

    Raises:
        BadRequestException: no change was requested, or a value breaks a rule.
        NotFoundException: there is no such dataset that this user may change.
    """
    labels = {"name": name, "about": about, "tags": tags}
    body = {"uuid": dataset_uuid, **{label: value for label, value in labels.items() if value is not None}}
    return _calls.put(token, address, "/dataset/labels", verify_connection, **body)


def set_lease(
    token: str, address: str, dataset_uuid: str, seconds: int | None, verify_connection: bool = True
) -> bytes:
    """Let the lease of a dataset begin anew, or end it for good.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the dataset.
        seconds: how long it stays if nobody uses or renews it, 1 to 31536000; None lets it stay until it is deleted.
        verify_connection: check the certificate.

    Returns:
        The dataset with `lease` and `lease_left`, both in seconds.

    Raises:
        ConflictException: it has no lease that could be renewed.
        NotFoundException: there is no such dataset that this user may change.
    """
    return _calls.put(token, address, "/dataset/lease", verify_connection, uuid=dataset_uuid, lease=seconds)


def set_visibility(
    token: str, address: str, dataset_uuid: str, visibility: str, verify_connection: bool = True
) -> bytes:
    """Set who may read a dataset besides its owner.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the dataset.
        visibility: `private` (only admins), `shared` (everyone in its project) or `public` (everyone).
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}`

    Raises:
        BadRequestException: there is no such visibility.
        NotFoundException: there is no such dataset that this user may change.
    """
    body = {"uuid": dataset_uuid, "visibility": visibility}
    return _calls.put(token, address, "/dataset/visibility", verify_connection, **body)


def download_dataset(
    token: str,
    address: str,
    dataset_uuid: str,
    path: str | os.PathLike[str],
    format: str = "csv",
    verify_connection: bool = True,
    *,
    progress: Progress | None = None,
    folder: str | None = None,
) -> None:
    """Write the table of a dataset, or the result of a request, to a file.

    Args:
        token: token.
        address: address of the server.
        dataset_uuid: UUID of the dataset, or of the request task that made it.
        path: path of the file; an existing file is replaced.
        format: `csv`, `npz`, `npy`, `parquet`, or another that the server has a plugin for.
        verify_connection: check the certificate.
        progress: called with the bytes done and 0: how many there will be is not known.
        folder: UUID of a folder of the server; the path is then one in it, and nothing is received.

    Raises:
        BadRequestException: the server does not know the format, or could not write to the folder.
        NotFoundException: there is no such dataset or folder for this user.
        OSError: the file cannot be written.
    """
    endpoint = _calls.OneShot(token, address, verify_connection)
    if folder is None:
        _download(endpoint, dataset_uuid, path, format, progress)
    else:
        _export_dataset(endpoint, dataset_uuid, folder, path, format)
