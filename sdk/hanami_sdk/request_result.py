"""Results of request tasks, under the names that the manuals of OpenHanami use: here each is a dataset.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

from hanami_sdk import dataset
from hanami_sdk.dataset import check_mnist_dataset

__all__ = [
    "check_against_dataset",
    "check_mnist_dataset",
    "delete_request_result",
    "get_request_result",
    "list_request_results",
]


def get_request_result(token: str, address: str, request_result_uuid: str, verify_connection: bool = True) -> bytes:
    """Return the dataset of a result; arguments, answer and errors are those of `dataset.get_dataset`.

    The values, which v0.4 put into this answer, are what `dataset.download_dataset_content` is for.
    """
    return dataset.get_dataset(token, address, request_result_uuid, verify_connection)


def list_request_results(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List all datasets, results among them; arguments, answer and errors are those of `dataset.list_datasets`."""
    return dataset.list_datasets(token, address, verify_connection)


def delete_request_result(token: str, address: str, request_result_uuid: str, verify_connection: bool = True) -> bytes:
    """Delete the dataset of a result; arguments, answer and errors are those of `dataset.delete_dataset`."""
    return dataset.delete_dataset(token, address, request_result_uuid, verify_connection)


def check_against_dataset(
    token: str, address: str, result_uuid: str, dataset_uuid: str, verify_connection: bool = True
) -> bytes:
    """Compare a result with labels; arguments, answer and errors are those of `dataset.check_mnist_dataset`."""
    return dataset.check_mnist_dataset(token, address, result_uuid, dataset_uuid, verify_connection)
