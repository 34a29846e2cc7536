"""Datasets: upload, list, delete. `request_result` compares them with results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanami_sdk import _calls, dataset
from hanami_sdk._upload import send_part
from hanami_sdk.v04._generation import in_v04, shared

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

upload_mnist_files = shared(dataset.upload_mnist_files)
upload_csv_files = shared(dataset.upload_csv_files)
wait_until_upload_complete = shared(dataset.wait_until_upload_complete)
list_datasets = shared(
    dataset.list_datasets, '`{"header", "body"}` with the columns uuid, project_id, owner_id, visibility, name, type.'
)
get_dataset = shared(
    dataset.get_dataset,
    '`{"inputs", "lines", "location", "name", "outputs", "owner_id", "project_id", "type", "uuid", "visibility"}`;\n'
    "    the location is empty, and inputs and outputs are 0 unless the type is `mnist`.",
)
delete_dataset = shared(dataset.delete_dataset)


@in_v04
def send_data(
    token: str, address: str, dataset_uuid: str, file_uuid: str, data: Part, verify_connection: bool = True
) -> bool:
    """Send one file of an upload; arguments, result and errors are those of `hanami_sdk.dataset.send_data`."""
    send_part(_calls.OneShot(token, address, verify_connection), dataset_uuid, file_uuid, data)
    return True
