"""Datasets of v0.4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanami_sdk.v04 import (
    dataset,
    hanami_exceptions,
)
from hanami_server.local import LocalServer
from tests.service.manual_v04.kit import OWNED, UUID, Login, table


def test_pictures(login: Login, server: LocalServer, small_digits: tuple[Path, Path]) -> None:
    train_inputs, train_labels = map(str, small_digits)
    dataset_uuid = dataset.upload_mnist_files(*login, "train_test_dataset", train_inputs, train_labels)
    assert dataset_uuid == UUID
    assert json.loads(dataset.get_dataset(*login, dataset_uuid)) == {
        "inputs": 784,
        "lines": 200,
        "location": "",  # The manuals show a path of the server.
        "name": "train_test_dataset",
        "outputs": 10,
        "owner_id": server.user,
        "project_id": "admin",
        "type": "mnist",
        "uuid": dataset_uuid,
        "visibility": "private",
    }
    rows = table(dataset.list_datasets(*login), [*OWNED, "type"])
    assert [dataset_uuid, "admin", server.user, "private", "train_test_dataset", "mnist"] in rows
    check_gone(login, dataset_uuid)


def check_gone(login: Login, dataset_uuid: str) -> None:
    assert json.loads(dataset.delete_dataset(*login, dataset_uuid)) == {}
    with pytest.raises(hanami_exceptions.NotFoundException, match=f"Data-set with uuid '{dataset_uuid}' not found"):
        dataset.get_dataset(*login, dataset_uuid)


def test_a_table(login: Login, server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "test-file.csv").write_text("test_input,test_output\n" + "1,0.5\n" * 30)
    dataset_uuid = dataset.upload_csv_files(*login, "train_test_dataset", str(tmp_path / "test-file.csv"))
    assert json.loads(dataset.get_dataset(*login, dataset_uuid)) == {
        "inputs": 0,
        "lines": 30,
        "location": "",
        "name": "train_test_dataset",
        "outputs": 0,
        "owner_id": server.user,
        "project_id": "admin",
        "type": "csv",
        "uuid": dataset_uuid,
        "visibility": "private",
    }
    check_gone(login, dataset_uuid)
