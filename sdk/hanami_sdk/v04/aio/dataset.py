"""The functions of `hanami_sdk.v04.dataset`; `send_data` is a coroutine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanami_sdk._direct import in_thread
from hanami_sdk.v04 import dataset
from hanami_sdk.v04.dataset import (
    delete_dataset,
    get_dataset,
    list_datasets,
    upload_csv_files,
    upload_mnist_files,
    wait_until_upload_complete,
)

if TYPE_CHECKING:
    from hanami_sdk._sources import Part

__all__ = [
    "delete_dataset",
    "get_dataset",
    "list_datasets",
    "send_data",
    "upload_csv_files",
    "upload_mnist_files",
    "wait_until_upload_complete",
]


async def send_data(
    token: str, address: str, dataset_uuid: str, file_uuid: str, data: Part, verify_connection: bool = True
) -> bool:
    """Send one file of an upload; arguments, result and errors are those of `hanami_sdk.dataset.send_data`."""
    await in_thread(dataset.send_data, token, address, dataset_uuid, file_uuid, data, verify_connection)
    return True
