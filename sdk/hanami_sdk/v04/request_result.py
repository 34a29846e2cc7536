"""Results of request tasks. Each has the UUID and the name of its task.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

from hanami_sdk import _calls
from hanami_sdk.v04._generation import in_v04

__all__ = ["check_against_dataset", "delete_request_result", "get_request_result", "list_request_results"]


@in_v04
def get_request_result(token: str, address: str, request_result_uuid: str, verify_connection: bool = True) -> bytes:
    """Return a result with its values.

    Args:
        token: token.
        address: address of the server.
        request_result_uuid: UUID of the result, which is that of its task.
        verify_connection: check the certificate.

    Returns:
        `{"data", "name", "owner_id", "project_id", "uuid", "visibility"}`; the data is a list with the class of each
        picture, or with the number for each line of a table.

    Raises:
        NotFoundException: there is no such result for this user.
    """
    return _calls.get(token, address, "/request_result", verify_connection, uuid=request_result_uuid)


@in_v04
def list_request_results(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List all results that the user sees.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns uuid, project_id, owner_id, visibility, name.
    """
    return _calls.get(token, address, "/request_result/all", verify_connection)


@in_v04
def delete_request_result(token: str, address: str, request_result_uuid: str, verify_connection: bool = True) -> bytes:
    """Delete a result.

    Args:
        token: token.
        address: address of the server.
        request_result_uuid: UUID of the result.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such result for this user.
    """
    return _calls.delete(token, address, "/request_result", verify_connection, uuid=request_result_uuid)


@in_v04
def check_against_dataset(
    token: str, address: str, result_uuid: str, dataset_uuid: str, verify_connection: bool = True
) -> bytes:
    """Compare a result with the labels of a dataset.

    Args:
        token: token.
        address: address of the server.
        result_uuid: UUID of the result.
        dataset_uuid: UUID of the dataset with the correct labels.
        verify_connection: check the certificate.

    Returns:
        `{"accuracy"}` in percent.

    Raises:
        NotFoundException: one of the two does not exist.
        BadRequestException: the two cannot be compared.
    """
    body = {"result_uuid": result_uuid, "dataset_uuid": dataset_uuid}
    return _calls.post(token, address, "/dataset/check", verify_connection, **body)
