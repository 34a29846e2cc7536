"""`hanamictl task`.

Owns the commands for tasks, the notation of their inputs and outputs, and waiting for their end. Must not know the
wire, which is the SDK's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.errors import UsageError
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, Message, Record, View
from hanami_cli.waiting import wait_for_task
from hanami_sdk import task

__all__ = ["HELP", "run"]

HELP = f"""
Tasks train a cluster with datasets, or ask it. A cluster works on its tasks one after another.

Usage:
    hanamictl task create train NAME -c CLUSTER_UUID (-i INPUT)... (-o OUTPUT)... [-t STEPS] [--wait] [options]
    hanamictl task create request NAME -c CLUSTER_UUID (-i INPUT)... (-r RESULT)... [-t STEPS] [--wait] [options]
    hanamictl task get TASK_UUID -c CLUSTER_UUID [--wait] [options]
    hanamictl task list -c CLUSTER_UUID [options]
    hanamictl task delete TASK_UUID -c CLUSTER_UUID [options]

INPUT and OUTPUT are DATASET_UUID:COLUMN:HEXAGON, RESULT is HEXAGON:COLUMN. The results of a request become a dataset
with the name and the UUID of the task. As in v0.5.0, all of INPUT and OUTPUT may also be HEXAGON:DATASET_UUID, for a
column with the name of the hexagon; then RESULT is HEXAGON:NAME, and NAME is that of the dataset and of its column.

Options:
    -c CLUSTER_UUID, --cluster CLUSTER_UUID     cluster that works on the task
    -i INPUT, --input INPUT                     what goes into a hexagon; repeat it, or separate by commas
    -o OUTPUT, --output OUTPUT                  what is expected at a hexagon; likewise
    -r RESULT, --result RESULT                  column for what comes out of a hexagon; likewise
    -t STEPS, --time STEPS                      rows that are put in at once [default: 1]
    --wait                                      wait for the end of the task and show its progress
{COMMON_OPTIONS}
Examples:
    hanamictl task create train -i DATASET:picture:picture_hex -o DATASET:label:label_hex -c CLUSTER --wait lesson
    hanamictl task create request -i DATASET:picture:picture_hex -r label_hex:guess -c CLUSTER -j exam
    hanamictl task list -c 49d50999-c47f-48cb-906b-211218f897e4
"""

FIELDS = (
    "uuid",
    "state",
    "current_cycle",
    "total_number_of_cycles",
    "queue_timestamp",
    "start_timestamp",
    "end_timestamp",
)
Links: TypeAlias = list[dict[str, str]] | dict[str, str]

INPUT_KEYS = ("dataset_uuid", "dataset_column", "hexagon_name")
RESULT_KEYS = ("hexagon_name", "dataset_column")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `task`."""
    actions = {
        "create train": _create_train,
        "create request": _create_request,
        "get": _get,
        "list": _list,
        "delete": _delete,
    }
    return run_noun(HELP, actions, argv)


def _create_train(connection: Connection, arguments: Arguments) -> View:
    inputs, outputs = arguments.texts("--input"), arguments.texts("--output")
    if _are_pairs(inputs) and _are_pairs(outputs):
        return _create(connection, arguments, task.create_train_task, _pairs(inputs), _pairs(outputs))
    links = _links(inputs, INPUT_KEYS), _links(outputs, INPUT_KEYS)
    return _create(connection, arguments, task.create_train_task, *links)


def _create_request(connection: Connection, arguments: Arguments) -> View:
    inputs, results = arguments.texts("--input"), arguments.texts("--result")
    if _are_pairs(inputs) and _are_pairs(results):
        return _create(connection, arguments, task.create_request_task, _pairs(inputs), _pairs(results))
    links = _links(inputs, INPUT_KEYS), _links(results, RESULT_KEYS)
    return _create(connection, arguments, task.create_request_task, *links)


def _create(connection: Connection, arguments: Arguments, function: Any, *links: Links) -> View:
    cluster_uuid = arguments.text("--cluster")
    steps = arguments.integer("--time")
    answer = connection.ask(function, arguments.text("NAME"), cluster_uuid, *links, steps)
    if arguments.is_set("--wait"):
        answer = wait_for_task(connection, str(answer.get("uuid")), cluster_uuid)
    return Record(answer, FIELDS)


def _get(connection: Connection, arguments: Arguments) -> View:
    uuids = arguments.text("TASK_UUID"), arguments.text("--cluster")
    if arguments.is_set("--wait"):
        return Record(wait_for_task(connection, *uuids), FIELDS)
    return Record(connection.ask(task.get_task, *uuids), FIELDS)


def _list(connection: Connection, arguments: Arguments) -> View:
    return Listing.from_answer(connection.ask(task.list_tasks, arguments.text("--cluster")))


def _delete(connection: Connection, arguments: Arguments) -> View:
    uuid = arguments.text("TASK_UUID")
    connection.call(task.delete_task, uuid, arguments.text("--cluster"))
    return Message(f"successfully deleted task '{uuid}'")


def _are_pairs(values: Sequence[str]) -> bool:
    """Tell whether all of `values` are written as v0.5.0 wrote them."""
    return all(text.count(":") == 1 and all(text.split(":")) for text in _split(values))


def _pairs(values: Sequence[str]) -> dict[str, str]:
    """Return the values of v0.5.0: what belongs to a hexagon, by its name."""
    return dict(text.split(":") for text in _split(values))


def _split(values: Sequence[str]) -> list[str]:
    return [text for value in values for text in value.split(",")]


def _links(values: Sequence[str], keys: Sequence[str]) -> list[dict[str, str]]:
    """Return what `values`, each of which may hold several parted by commas, say under `keys`."""
    return [_link(text, keys) for text in _split(values)]


def _link(text: str, keys: Sequence[str]) -> dict[str, str]:
    parts = text.split(":")
    if len(parts) == 1:
        raise UsageError(f"Required separators ':' are missing in '{text}'")
    if len(parts) != len(keys) or not all(parts):
        raise UsageError(f"Invalid format before or after ':' in '{text}'")
    return dict(zip(keys, parts, strict=True))
