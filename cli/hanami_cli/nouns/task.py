"""`hanamictl task`.

Owns the commands for tasks, the notation of their inputs and outputs, and waiting for their end. Must not know the
wire, which is the SDK's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import sleep
from typing import Any

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.errors import CliError, UsageError
from hanami_cli.nouns import run_noun
from hanami_cli.progress import Report, progress
from hanami_cli.text import one_line
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import task

__all__ = ["HELP", "run"]

HELP = f"""
Tasks train a cluster with datasets, or ask it. A cluster works on its tasks one after another.

Usage:
    hanamictl task create train NAME -c CLUSTER_UUID (-i INPUT)... (-o OUTPUT)... [-t STEPS] [--wait] [options]
    hanamictl task create request NAME -c CLUSTER_UUID (-i INPUT)... (-r RESULT)... [-t STEPS] [--wait] [options]
    hanamictl task get TASK_UUID -c CLUSTER_UUID [options]
    hanamictl task list -c CLUSTER_UUID [options]
    hanamictl task delete TASK_UUID -c CLUSTER_UUID [options]

INPUT and OUTPUT are DATASET_UUID:COLUMN:HEXAGON, RESULT is HEXAGON:COLUMN. The results of a request become a dataset
with the name and the UUID of the task.

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
INPUT_KEYS = ("dataset_uuid", "dataset_column", "hexagon_name")
RESULT_KEYS = ("hexagon_name", "dataset_column")

UNFINISHED_STATES = ("queued", "active")
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two questions whether a task has ended


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
    inputs = _links(arguments.texts("--input"), INPUT_KEYS)
    outputs = _links(arguments.texts("--output"), INPUT_KEYS)
    return _create(connection, arguments, task.create_train_task, inputs, outputs)


def _create_request(connection: Connection, arguments: Arguments) -> View:
    inputs = _links(arguments.texts("--input"), INPUT_KEYS)
    results = _links(arguments.texts("--result"), RESULT_KEYS)
    return _create(connection, arguments, task.create_request_task, inputs, results)


def _create(connection: Connection, arguments: Arguments, function: Any, *links: list[dict[str, str]]) -> View:
    cluster_uuid = arguments.text("--cluster")
    steps = arguments.integer("--time")
    answer = connection.ask(function, arguments.text("NAME"), cluster_uuid, *links, steps)
    if arguments.is_set("--wait"):
        answer = _wait(connection, str(answer.get("uuid")), cluster_uuid)
    return Record(answer, FIELDS)


def _get(connection: Connection, arguments: Arguments) -> View:
    uuids = arguments.text("TASK_UUID"), arguments.text("--cluster")
    return Record(connection.ask(task.get_task, *uuids), FIELDS)


def _list(connection: Connection, arguments: Arguments) -> View:
    return Listing.from_answer(connection.ask(task.list_tasks, arguments.text("--cluster")))


def _delete(connection: Connection, arguments: Arguments) -> View:
    uuid = arguments.text("TASK_UUID")
    connection.call(task.delete_task, uuid, arguments.text("--cluster"))
    return Message(f"successfully deleted task '{uuid}'")


def _links(values: Sequence[str], keys: Sequence[str]) -> list[dict[str, str]]:
    """Return what `values`, each of which may hold several parted by commas, say under `keys`."""
    return [_link(text, keys) for value in values for text in value.split(",")]


def _link(text: str, keys: Sequence[str]) -> dict[str, str]:
    parts = text.split(":")
    if len(parts) == 1:
        raise UsageError(f"Required separators ':' are missing in '{text}'")
    if len(parts) != len(keys) or not all(parts):
        raise UsageError(f"Invalid format before or after ':' in '{text}'")
    return dict(zip(keys, parts, strict=True))


def _wait(connection: Connection, uuid: str, cluster_uuid: str) -> dict[str, Any]:
    """Return the task as soon as it is finished.

    Raises:
        CliError: the task ended in any other way.
    """
    pause = FIRST_PAUSE
    with progress() as report:
        while _report(report, answer := connection.ask(task.get_task, uuid, cluster_uuid)) in UNFINISHED_STATES:
            sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
    if answer.get("state") != "finished":
        reason = f": {answer['error']}" if answer.get("error") else ""
        raise CliError(one_line(f"task '{uuid}' ended in the state '{answer.get('state')}'{reason}"))
    return answer


def _report(report: Report, answer: Mapping[str, Any]) -> str:
    """Show how far a task has come, and return its state."""
    state = one_line(str(answer.get("state")))
    report(state, int(answer.get("current_cycle") or 0), int(answer.get("total_number_of_cycles") or 0))
    return state
