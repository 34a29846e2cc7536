"""From the body of a task to a checked plan: which columns of which stored tables meet which interface.

Both dialects of a body are read: lists of objects, and the older maps from a name, which is interface and column alike,
to a dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.http import Call
from hanami_core.network import Template
from hanami_plugins.clusters import Cluster, first_template, interfaces, template_of
from hanami_plugins.datasets import Dataset, open_table

Source = list[dict[str, Any]] | dict[str, str]


class Feed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Columns of a stored table for one interface."""

    interface: str
    blob: str
    column: str


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name of the column that the values of one output are written to."""

    interface: str
    column: str


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payload of a train or request task.

    `dataset` is the name of the dataset that a request writes. `template` is that of a cluster which gets its network
    from this training.
    """

    inputs: tuple[Feed, ...]
    outputs: tuple[Feed, ...] = ()
    results: tuple[Result, ...] = ()
    time_length: int = 1
    dataset: str = ""
    template: Template | None = None

    @property
    def blobs(self) -> list[str]:
        """Tables that the task reads."""
        return sorted({feed.blob for feed in (*self.inputs, *self.outputs)})


class _Checked(msgspec.Struct, frozen=True):
    """A feed with the shape of its data."""

    feed: Feed
    rows: int
    width: int


def plan_training(call: Call, cluster: Cluster, inputs: Source, outputs: Source, time_length: int) -> tuple[Plan, int]:
    """Return the plan of a training and its number of cycles, or raise what is wrong with the body."""
    new = None if cluster.template else _new_template(call, cluster, inputs, outputs)
    template = new or template_of(cluster)
    given = _feeds(call, inputs, "inputs", [item.name for item in template.inputs])
    expected = _feeds(call, outputs, "outputs", [item.name for item in template.outputs])
    _check_widths(expected, interfaces(cluster)[1])
    cycles = _cycles([*given, *expected], time_length)
    feeds, targets = tuple(item.feed for item in given), tuple(item.feed for item in expected)
    return Plan(feeds, targets, time_length=time_length, template=new), cycles


def _new_template(call: Call, cluster: Cluster, inputs: Source, outputs: Source) -> Template:
    return first_template(call.runtime, call.actor, cluster, _names(inputs, "inputs"), _names(outputs, "outputs"))


def _names(source: Source, field: str) -> list[str]:
    names = [item["hexagon_name"] for item in _triples(source, field)]
    _check_names(names, field, names)
    return names


def plan_request(
    call: Call, cluster: Cluster, name: str, inputs: Source, results: Source, time_length: int
) -> tuple[Plan, int]:
    """Return the plan of a request and its number of cycles, or raise what is wrong with the body."""
    template = template_of(cluster)
    given = _feeds(call, inputs, "inputs", [item.name for item in template.inputs])
    wanted = _results(results, [item.name for item in template.outputs])
    if not interfaces(cluster)[1] and not call.runtime.queue.open_tasks(cluster.uuid):
        raise Conflict(f"Cluster with uuid '{cluster.uuid}' was never trained")
    dataset = wanted[0].column if isinstance(results, dict) else name
    feeds = tuple(item.feed for item in given)
    return Plan(feeds, results=wanted, time_length=time_length, dataset=dataset), _cycles(given, time_length)


def _triples(source: Source, field: str) -> list[dict[str, str]]:
    if isinstance(source, dict):
        return [{"hexagon_name": name, "dataset_uuid": uuid, "dataset_column": name} for name, uuid in source.items()]
    for item in source:
        _require(item, field, ("hexagon_name", "dataset_uuid", "dataset_column"))
    return source


def _require(item: dict[str, Any], field: str, keys: Sequence[str]) -> None:
    for key in keys:
        if key not in item:
            raise BadRequest(f"'{key}' is missing")
        if not isinstance(item[key], str):
            raise BadRequest(f"'{key}' in '{field}' must be a string")
    unknown = sorted(set(item) - set(keys))
    if unknown:
        raise BadRequest(f"'{unknown[0]}' is not allowed in '{field}'")


def _feeds(call: Call, source: Source, field: str, names: list[str]) -> list[_Checked]:
    triples = _triples(source, field)
    _check_names([item["hexagon_name"] for item in triples], field, names)
    missing = [name for name in names if name not in {item["hexagon_name"] for item in triples}]
    if missing:
        raise BadRequest(f"'{field}' has no entry for hexagon '{missing[0]}'")
    return [_feed(call, item) for item in triples]


def _check_names(given: list[str], field: str, names: list[str]) -> None:
    if not given:
        raise BadRequest(f"'{field}' must not be empty")
    for name in given:
        if name not in names:
            raise BadRequest(f"'{field}': the cluster has no hexagon with name '{name}', known are: {', '.join(names)}")
    name, count = Counter(given).most_common(1)[0]
    if count > 1:
        raise BadRequest(f"'{field}': hexagon '{name}' is given {count} times")


def _feed(call: Call, item: dict[str, str]) -> _Checked:
    uuid, column = item["dataset_uuid"], item["dataset_column"]
    dataset = call.get(Dataset, uuid, f"Data-set with uuid '{uuid}' not found", "read")
    with open_table(call.runtime, dataset) as table:
        if column not in table.columns:
            raise NotFound(f"Column with name '{column}' was not found in dataset with UUID '{uuid}'")
        (start, end), rows = table.columns[column], len(table.values)
    return _Checked(Feed(item["hexagon_name"], str(dataset.blob), column), rows, end - start)


def _results(source: Source, names: list[str]) -> tuple[Result, ...]:
    if isinstance(source, dict):
        pairs = [Result(name, column) for name, column in source.items()]
    else:
        for item in source:
            _require(item, "results", ("hexagon_name", "dataset_column"))
        pairs = [Result(item["hexagon_name"], item["dataset_column"]) for item in source]
    _check_names([pair.interface for pair in pairs], "results", names)
    for pair in pairs:
        if not 0 < len(pair.column.encode()) <= 254:
            raise BadRequest("'dataset_column' in 'results' must have 1 to 254 characters")
    if len({pair.column for pair in pairs}) < len(pairs):
        raise BadRequest("'results': each output needs a 'dataset_column' of its own")
    return tuple(pairs)


def _check_widths(given: Iterable[_Checked], known: dict[str, int]) -> None:
    for item in given:
        expected = known.get(item.feed.interface, item.width)
        if expected != item.width:
            raise BadRequest(
                f"column '{item.feed.column}' has {item.width} values, "
                f"but hexagon '{item.feed.interface}' was created with {expected}"
            )


def _cycles(items: Sequence[_Checked], time_length: int) -> int:
    rows = min(item.rows for item in items)
    if rows < time_length:
        raise BadRequest(f"'time_length' is {time_length}, but there are only {rows} rows")
    return rows - time_length + 1
