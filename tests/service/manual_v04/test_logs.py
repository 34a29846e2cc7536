"""Logs of v0.4, and what the other generation sees."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import hanami_sdk.cluster as cluster_of_today
import hanami_sdk.dataset as dataset_of_today
from hanami_sdk.v04 import (
    cluster,
    logs,
    project,
    request_result,
    task,
)
from hanami_server.local import LocalServer
from tests.service.manual_v04.kit import TIME, Login, finish, table


def test_logs(login: Login, server: LocalServer) -> None:
    project.create_project(*login, "logged_project", "Logged")
    project.delete_project(*login, "logged_project")
    header = ["timestamp", "user_id", "endpoint", "request_type"]
    found: list[list[Any]] = []
    while rows := table(logs.list_audit_logs(*login, server.user, len(found) // 100), header):
        found += rows
        if len(rows) < 100:
            break
    assert {row[1] for row in found} == {server.user}
    methods = Counter(row[3] for row in found if row[2] == "v1/project")
    assert methods["POST"] >= 1 <= methods["DELETE"]
    assert all(row[0] == TIME for row in found)
    assert table(logs.list_audit_logs(*login, None, 0), header) == found[:100]
    table(
        logs.list_error_logs(*login, None, 0),
        ["timestamp", "user_id", "component", "context", "input_values", "message"],
    )


def test_both_generations_see_the_same(login: Login, digits: str, network: str) -> None:
    found = json.loads(dataset_of_today.get_dataset(*login, digits))
    assert (found["number_of_rows"], found["number_of_columns"]) == (200, 794)
    created = json.loads(cluster_of_today.get_cluster(*login, network))
    assert created.items() >= json.loads(cluster.get_cluster(*login, network)).items()
    assert created["created_at"] == TIME

    asked = finish(login, task.create_task(*login, "test_task", "train", network, digits), network)
    result = finish(login, task.create_task(*login, "test_task", "request", network, digits), network)
    content = json.loads(dataset_of_today.download_dataset_content(*login, result, "test_output", 200))["data"]
    data = json.loads(request_result.get_request_result(*login, result))["data"]
    assert [max(range(10), key=row.__getitem__) for row in content] == data
    assert {row[0] for row in json.loads(task.list_tasks(*login, network))["body"]} == {asked, result}
    request_result.delete_request_result(*login, result)
