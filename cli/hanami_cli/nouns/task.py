"""`hanamictl task`.

Owns the commands for tasks, the notation of their inputs and outputs, and waiting for their end. Must not know the
wire, which is the SDK's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any, TypeAlias

from hanami_cli.arguments import COMMON_OPTIONS, Arguments, as_number
from hanami_cli.connection import Connection
from hanami_cli.errors import UsageError
from hanami_cli.names import uuid_of
from hanami_cli.nouns import run_noun
from hanami_cli.plot import Plot, as_listing
from hanami_cli.views import Listing, Message, Record, View
from hanami_cli.waiting import wait_for_task
from hanami_sdk import task

__all__ = ["HELP", "run"]

TRAINING = """[--epochs EPOCHS] [--seed SEED] [--no-shuffle] [--validation ROWS] [--early-stopping EPOCHS]
        [--class-weight WEIGHTS] [--sample-weight COLUMN]"""
HELP = f"""
Tasks train a cluster with datasets or query it. A cluster runs its tasks one at a time.

Usage:
    hanamictl task create train NAME -c CLUSTER (-i INPUT)... (-o OUTPUT)... [-t STEPS] [--unequal] [--wait]
        {TRAINING} [options]
    hanamictl task create request NAME -c CLUSTER (-i INPUT)... (-r RESULT)... [-t STEPS] [--wait] [options]
    hanamictl task get TASK_UUID -c CLUSTER [--wait] [options]
    hanamictl task list -c CLUSTER [options]
    hanamictl task metrics TASK_UUID [options]
    hanamictl task plot TASK_UUID [options]
    hanamictl task delete TASK_UUID -c CLUSTER [options]

INPUT and OUTPUT are DATASET:COLUMN:HEXAGON, RESULT is HEXAGON:COLUMN. The results of a request become a dataset with
the name and the UUID of the task. CLUSTER and DATASET are UUIDs or unique names.
`metrics` lists the measurements of a training over time, `plot` draws them.
As in v0.5.0, all INPUT and OUTPUT values can be written as HEXAGON:DATASET instead, for the column with the name of
the hexagon. RESULT is then HEXAGON:NAME, and NAME is the name of the new dataset and of its column.

Options:
    -c CLUSTER, --cluster CLUSTER               cluster that runs the task
    -i INPUT, --input INPUT                     column for an input hexagon; repeat the option or separate by commas
    -o OUTPUT, --output OUTPUT                  column with the expected values of an output hexagon; likewise
    -r RESULT, --result RESULT                  column for the answers of an output hexagon; likewise
    -t STEPS, --time STEPS                      consecutive rows per step [default: 1]
    --unequal                                   ignore the rows that not all inputs and outputs have
    --epochs EPOCHS                             passes over the rows, each in a new order [default: 1]
    --seed SEED                                 determines orders and initial weights; equal seeds give equal networks
    --no-shuffle                                keep the order of the rows
    --validation ROWS                           find the best epoch: hold back a share of the rows, such as 0.2, or use
                                                a dataset that has the same columns as the training
    --early-stopping EPOCHS                     stop after EPOCHS epochs without improvement; 0 turns this off
    --class-weight WEIGHTS                      weights by class number, such as 0:1,1:20; or balanced
    --sample-weight COLUMN                      column with the weight of each row; or DATASET:COLUMN
    --wait                                      wait for the end of the task and show its progress
{COMMON_OPTIONS}
Examples:
    hanamictl task create train -i digits:picture:picture_hex -o digits:label:label_hex -c reader --wait lesson
    hanamictl task create train -i wines:x:in -o wines:y:out -c taster --epochs 20 --seed 1 --wait lesson
    hanamictl task create train -i cards:x:in -o cards:y:out -c guard --class-weight balanced --wait lesson
    hanamictl task create request -i tests:picture:picture_hex -r label_hex:guess -c reader -j exam
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
    "name",
    "kind",
    "datasets",
    "waiting",
    "epochs",
    "best_epoch",
    "outlier_rows",
    "attempts",
    "error",
)
WHEN_TOLD = ("kind", "datasets", "attempts", "error", "epochs", "best_epoch", "outlier_rows", "waiting")
"""Fields that not every server tells, or only of tasks with which something is not as usual."""
Links: TypeAlias = list[dict[str, str]] | dict[str, str]

INPUT_KEYS = ("dataset_uuid", "dataset_column", "hexagon_name")
RESULT_KEYS = ("hexagon_name", "dataset_column")
WEIGHT_KEYS = ("dataset_uuid", "dataset_column")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `task`."""
    actions = {
        "create train": _create_train,
        "create request": _create_request,
        "get": _get,
        "list": _list,
        "metrics": _metrics,
        "plot": _plot,
        "delete": _delete,
    }
    return run_noun(HELP, actions, argv)


def _create_train(connection: Connection, arguments: Arguments) -> View:
    inputs, outputs = _links(arguments.texts("--input"), arguments.texts("--output"), INPUT_KEYS)
    how: dict[str, Any] = {
        "equal_rows": not arguments.is_set("--unequal"),
        "epochs": arguments.integer("--epochs"),
        "shuffle": not arguments.is_set("--no-shuffle"),
        "seed": arguments.whole("--seed"),
        "validation": _judges(connection, arguments.optional("--validation")),
        "early_stopping": arguments.whole("--early-stopping"),
        "class_weight": _class_weight(arguments.optional("--class-weight")),
        "sample_weight": _sample_weight(connection, arguments.optional("--sample-weight")),
    }
    return _create(connection, arguments, partial(task.create_train_task, **how), [inputs, outputs], [])


def _judges(connection: Connection, given: str | None) -> float | str | None:
    """Return a share of the rows, or the UUID of a dataset."""
    if given is None:
        return None
    share = as_number(given)
    return uuid_of(connection, "dataset", given) if share is None else share


def _class_weight(given: str | None) -> dict[str, float] | str | None:
    if given is None or ":" not in given:
        return given
    weights: dict[str, float] = {}
    for text in given.split(","):
        name, _, value = text.partition(":")
        weight = as_number(value)
        if not name or weight is None:
            raise UsageError(f'invalid argument "{text}" for "--class-weight": not a class and its weight')
        if weights.setdefault(name, weight) != weight:
            raise UsageError(f"class '{name}' is given twice")
    return weights


def _sample_weight(connection: Connection, given: str | None) -> dict[str, str] | str | None:
    if given is None or ":" not in given:
        return given
    dataset, column = _link(given, WEIGHT_KEYS).values()
    return {"dataset_uuid": uuid_of(connection, "dataset", dataset), "dataset_column": column}


def _create_request(connection: Connection, arguments: Arguments) -> View:
    inputs, results = _links(arguments.texts("--input"), arguments.texts("--result"), RESULT_KEYS)
    return _create(connection, arguments, task.create_request_task, [inputs], [results])


def _record(answer: dict[str, Any]) -> View:
    names = ", ".join(dict.fromkeys(one["name"] for one in answer.get("datasets", ())))
    hidden = {name for name in WHEN_TOLD if name not in answer} | (set() if "kind" in answer else {"name"})
    told = [name for name in FIELDS if name not in hidden]
    return Record(answer, told, {**answer, "datasets": names})


def _create(
    connection: Connection, arguments: Arguments, function: Any, sources: Sequence[Links], targets: Sequence[Links]
) -> View:
    steps, cluster_uuid = arguments.integer("--time"), _cluster(connection, arguments)
    uuid = cache(partial(uuid_of, connection, "dataset"))
    links = [*(_with_uuids(links, uuid) for links in sources), *targets]
    answer = connection.ask(function, arguments.text("NAME"), cluster_uuid, *links, steps)
    if arguments.is_set("--wait"):
        answer = wait_for_task(connection, str(answer.get("uuid")), cluster_uuid)
    return _record(answer)


def _get(connection: Connection, arguments: Arguments) -> View:
    uuids = arguments.text("TASK_UUID"), _cluster(connection, arguments)
    if arguments.is_set("--wait"):
        return _record(wait_for_task(connection, *uuids))
    return _record(connection.ask(partial(task.get_task, details=True), *uuids))


def _list(connection: Connection, arguments: Arguments) -> View:
    answer = connection.ask(partial(task.list_tasks, details=True), _cluster(connection, arguments))
    return Listing.from_answer(answer)


def _metrics(connection: Connection, arguments: Arguments) -> View:
    return as_listing(connection.ask(task.get_task_metrics, arguments.text("TASK_UUID")))


def _plot(connection: Connection, arguments: Arguments) -> View:
    return Plot(connection.ask(task.get_task_metrics, arguments.text("TASK_UUID")))


def _delete(connection: Connection, arguments: Arguments) -> View:
    uuid = arguments.text("TASK_UUID")
    connection.call(task.delete_task, uuid, _cluster(connection, arguments))
    return Message(f"successfully deleted task '{uuid}'")


def _cluster(connection: Connection, arguments: Arguments) -> str:
    return uuid_of(connection, "cluster", arguments.text("--cluster"))


def _links(inputs: Sequence[str], others: Sequence[str], keys: Sequence[str]) -> tuple[Links, Links]:
    """Return what goes in and what is expected or comes out, in the shape of the request.

    Args:
        inputs: values of the command line, each of which may hold several parted by commas.
        others: likewise; `keys` are the names of their parts.
        keys: as it says.
    """
    pairs = [[text.split(":") for text in _split(values)] for values in (inputs, others)]
    if all(len(parts) == 2 and all(parts) for parts in chain(*pairs)):  # the notation of v0.5.0
        return _by_hexagon(pairs[0]), _by_hexagon(pairs[1])
    return [_link(text, INPUT_KEYS) for text in _split(inputs)], [_link(text, keys) for text in _split(others)]


def _split(values: Sequence[str]) -> list[str]:
    return [text for value in values for text in value.split(",")]


def _by_hexagon(pairs: Sequence[Sequence[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for hexagon, other in pairs:
        if found.setdefault(hexagon, other) != other:
            raise UsageError(f"'{hexagon}' is given twice")
    return found


def _link(text: str, keys: Sequence[str]) -> dict[str, str]:
    parts = text.split(":")
    if len(parts) == 1:
        raise UsageError(f"Required separators ':' are missing in '{text}'")
    if len(parts) != len(keys) or not all(parts):
        raise UsageError(f"Invalid format before or after ':' in '{text}'")
    return dict(zip(keys, parts, strict=True))


def _with_uuids(links: Links, uuid: Callable[[str], str]) -> Links:
    """Return `links` with UUIDs where datasets have names."""
    if isinstance(links, dict):
        return {hexagon: uuid(given) for hexagon, given in links.items()}
    return [{**link, "dataset_uuid": uuid(link["dataset_uuid"])} for link in links]
