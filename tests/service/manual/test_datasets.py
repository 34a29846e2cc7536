"""Datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanami_sdk import (
    dataset,
    hanami_exceptions,
)
from hanami_server.local import LocalServer
from tests.service.conftest import Ctl
from tests.service.manual.kit import OWNED, OWNED_PRINTED, UUID, Login, check_owned, first, listing, only, record, rows

DATASET = [
    "UUID",
    "NAME",
    "VERSION",
    "NUMBER OF COLUMNS",
    "NUMBER OF ROWS",
    "DESCRIPTION",
    "VISIBILITY",
    "OWNER ID",
    "PROJECT ID",
    "CREATED AT",
]
MNIST = '{"label":{"column_end":794,"column_start":784},"picture":{"column_end":784,"column_start":0}}'
CSV = '{"test_input":{"column_end":1,"column_start":0},"test_output":{"column_end":2,"column_start":1}}'


def test_datasets_with_the_command_line(
    ctl: Ctl, server: LocalServer, small_digits: tuple[Path, Path], tmp_path: Path
) -> None:
    images, labels = map(str, small_digits)
    created = record(ctl("dataset", "create", "mnist", "-i", images, "-l", labels, "cli_test_dataset"))
    # The manual knows no time of creation, `<nil>`; the server tells it.
    assert list(created) == DATASET
    check_owned(created, "cli_test_dataset", server)
    assert [created[title] for title in DATASET[2:6]] == ["v1.0alpha", "794", "200", MNIST]
    assert record(ctl("dataset", "get", created["UUID"])).items() >= created.items()

    table = tmp_path / "test.csv"
    table.write_text("test_input,test_output\n" + "".join(f"{number},{number / 2}\n" for number in range(1723)))
    numbers = record(ctl("dataset", "create", "csv", "-i", str(table), "test_csv"))
    assert [numbers[title] for title in DATASET[2:6]] == ["v1.0alpha", "2", "1723", CSV]

    titles, found = listing(ctl("dataset", "list"))
    assert first(titles, OWNED) == OWNED
    for made in (created, numbers):
        assert only(made, OWNED) in [only(row, OWNED) for row in found]
        uuid = made["UUID"]
        assert ctl("dataset", "delete", uuid) == f"successfully deleted dataset '{uuid}'\n"
        assert uuid not in [row["UUID"] for row in listing(ctl("dataset", "list"))[1]]


def test_content_with_the_command_line(ctl: Ctl, login: Login, tmp_path: Path) -> None:
    lines = "".join(f"{number / 8},{number}\n" for number in range(200))
    table = tmp_path / "test-file.csv"
    table.write_text(f"test_output,other\n{lines}")
    uuid = dataset.upload_csv_files(*login, "train_test_dataset", str(table))
    assert UUID.fullmatch(uuid)
    text = ctl("dataset", "content", "-c", "test_output", "-o", "100", "-n", "10", uuid)
    titles, found = listing(text)
    assert titles == ["", "0"]
    assert [row[""] for row in found] == [str(number) for number in range(100, 110)]
    assert [row["0"] for row in found] == [f"{number / 8:.6f}" for number in range(100, 110)]
    assert len(json.loads(ctl("dataset", "content", "-j", "-c", "test_output", "-o", "100", "-n", "10", uuid))) == 10
    dataset.delete_dataset(*login, uuid)


def test_datasets_with_the_sdk(login: Login, server: LocalServer, small_digits: tuple[Path, Path]) -> None:
    uuid = dataset.upload_mnist_files(*login, "train_test_dataset", *map(str, small_digits))
    found = json.loads(dataset.get_dataset(*login, uuid))
    # The fields `inputs`, `outputs`, `lines`, `location` and `type` of the manual belong to older servers.
    expected = {
        "name": "train_test_dataset",
        "owner_id": server.user,
        "project_id": "admin",
        "uuid": uuid,
        "visibility": "private",
        "number_of_rows": 200,
        "number_of_columns": 794,
    }
    assert found.items() >= expected.items()
    row = {name: found[name] for name in ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")}
    assert row in rows(dataset.list_datasets(*login), *OWNED_PRINTED)
    content = json.loads(dataset.download_dataset_content(*login, uuid, "label", 2, 100))["data"]
    assert [sum(label) for label in content] == [1, 1]
    dataset.delete_dataset(*login, uuid)
    with pytest.raises(hanami_exceptions.NotFoundException):
        dataset.get_dataset(*login, uuid)
