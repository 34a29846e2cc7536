"""What the chapters of the manuals of v0.4 have in common."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from hanami_sdk.v04 import (
    task,
)

Login = tuple[str, str]


class Like(str):
    """Equal to every text of its form."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(str(self), other) is not None

    __hash__ = str.__hash__


UUID = Like(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = Like(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ABSENT = "00000000-0000-0000-0000-000000000000"
OWNED = ["uuid", "project_id", "owner_id", "visibility", "name"]
TEMPLATE = (
    "version: 1\n"
    "bricks:\n"
    "    1,1,1\n"
    "        input: test_input\n"
    "        number_of_neurons: 784\n"
    "    2,1,1\n"
    "        number_of_neurons: 400\n"
    "    3,1,1\n"
    "        output: test_output\n"
    "        number_of_neurons: 10"
)
SMALL = TEMPLATE.replace("784", "5").replace(": 10", ": 2")
"""For the five input values and two expected ones that direct IO is shown with."""


def table(answer: bytes, header: list[str]) -> list[list[Any]]:
    """Return the rows of a list that has exactly this header."""
    found = json.loads(answer)
    assert found == {"header": header, "body": found["body"]}
    assert all(len(row) == len(header) for row in found["body"])
    return list(found["body"])


def finish(login: Login, answer: bytes, cluster_uuid: str) -> str:
    """Wait for a task as the manuals do, and return its UUID."""
    task_uuid = str(json.loads(answer)["uuid"])
    finished = False
    while not finished:
        found = json.loads(task.get_task(*login, task_uuid, cluster_uuid))
        assert found["state"] in ("queued", "active", "finished"), found
        finished = found["state"] == "finished"
        time.sleep(0.02)
    return task_uuid
