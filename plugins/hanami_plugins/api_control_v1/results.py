"""Results of requests. They are datasets everywhere else; here they are lists of classes, or of numbers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.errors import NotFound
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import Uuid
from hanami_plugins import datasets
from hanami_plugins.api_control_v1.api import route
from hanami_plugins.api_control_v1.shapes import OWNED_HEADER, ControlByUuid, Owned, OwnedRow, owned
from hanami_plugins.datasets import Dataset

MISSING = "result_missing"


class ResultAnswer(Owned):
    """A result.

    Attributes:
        data: class of each row, or its value if there are no classes.
    """

    data: Annotated[list[Any], Meta(examples=[[7, 2, 1]])]


class ControlCheck(msgspec.Struct, forbid_unknown_fields=True):
    """A result, and the dataset with the correct answers.

    Attributes:
        result_uuid: UUID of the result.
        dataset_uuid: UUID of the dataset.
    """

    result_uuid: Uuid
    dataset_uuid: Uuid


class ControlAccuracy(msgspec.Struct):
    """How well a result agrees with the correct answers.

    Attributes:
        accuracy: share of correct answers in percent.
    """

    accuracy: Annotated[float, Meta(examples=[97.2])]


def routes() -> list[Route]:
    """Return the routes."""
    return [
        route("GET", "/request_result", "results.get", ControlByUuid, ResultAnswer, get),
        route("GET", "/request_result/all", "results.list", Paging, OwnedRow, list_all),
        route("DELETE", "/request_result", "results.delete", ControlByUuid, Empty, delete),
        route("POST", "/dataset/check", "datasets.check", ControlCheck, ControlAccuracy, check),
    ]


def get(call: Call, request: ControlByUuid) -> dict[str, object]:
    """Return a result with its data."""
    found = _result(call, request.uuid)
    with datasets.open_table(call.runtime, found) as table:
        values = table.values
        data = values[:, 0].tolist() if values.shape[1] == 1 else values.argmax(axis=1).tolist()
    return owned(found) | {"data": data}


def _result(call: Call, uuid: str, missing: str = MISSING) -> Dataset:
    found: Dataset | None = datasets.results(call.access).where(Dataset.uuid == uuid.lower()).first()
    if found is None:
        raise NotFound(missing, uuid=uuid)
    return found


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible results."""
    return listing(OWNED_HEADER, datasets.results(call.access), request)


def delete(call: Call, request: ControlByUuid) -> Empty:
    """Delete a result."""
    datasets.delete_dataset(call.runtime, call.access, _result(call, request.uuid).uuid)
    return Empty()


def check(call: Call, request: ControlCheck) -> ControlAccuracy:
    """Compare a result with the right answers."""
    result = _result(call, request.result_uuid, "checked_result_missing")
    datasets.get_dataset(call.access, request.dataset_uuid)
    return ControlAccuracy(datasets.check(call.runtime, call.access, result.uuid, request.dataset_uuid))
