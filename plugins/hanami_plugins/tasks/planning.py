"""From typed bindings to a checked plan: which columns of which stored tables meet which interface of a cluster.

Owns the payload of train and request tasks. Knows neither HTTP nor how a client writes a binding.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from hanami_core.access import Access
from hanami_core.compute import memory
from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.network import Input, Output, Template
from hanami_core.runtime import Runtime
from hanami_plugins.clusters import Cluster, first_template, interfaces, require_memory, template_of
from hanami_plugins.datasets import get_dataset, open_table

__all__ = ["Binding", "Feed", "Fit", "Plan", "Result", "plan_request", "plan_training"]

INPUTS, OUTPUTS, RESULTS = "inputs", "outputs", "results"
LONGEST_COLUMN = 254
MOST_CYCLES = 1 << 53
"""Cycles of a task up to which each number of them is exact in JSON."""

log = logging.getLogger("hanami.tasks")


class Binding(msgspec.Struct, frozen=True):
    """A column of a dataset for one input or output of a cluster; `dataset` is its uuid.

    Cycle ``c`` takes `rows` rows from row ``c + first`` on, one after the other.
    """

    interface: str
    dataset: str
    column: str
    first: int = 0
    rows: int = 1


class Feed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Columns of a stored table for one interface; `first` and `rows` are those of the binding."""

    interface: str
    blob: str
    column: str
    first: int = 0
    rows: int = 1


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dataset that a task reads, with the name that it had when the task was queued."""

    uuid: str
    name: str


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column of the new dataset that the values of one output are written to."""

    interface: str
    column: str


class Fit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a training goes beyond one pass over the rows as they come.

    Each epoch is a pass over all rows. With `shuffle` each has an order of its own, which `seed` decides, and without
    one the network's. A network that has no stored state draws its initial weights from `seed`.

    `validation` is the share of the rows that are held back, to be answered after each epoch: any of them if rows are
    shuffled, the last ones otherwise and of windows of several rows. The network ends as it was after the best epoch;
    `early_stopping` is how many epochs in a row without a better one end the training, 0 that none do.
    """

    epochs: int = 1
    shuffle: bool = True
    seed: int | None = None
    validation: float = 0.0
    early_stopping: int = 0

    def held(self, rows: int) -> int:
        """Return how many of some rows are held back."""
        return max(1, round(rows * self.validation)) if self.validation else 0


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payload of a train or request task.

    `dataset` is the name of the dataset that a request writes. `overlapping` says that its outputs are windows of rows
    which overlap, so that a row of the dataset is the mean of what several cycles say of it. `template` is that of a
    cluster which gets its network from this training. `fit` is None if it is a single pass over the rows as they come.
    `sources` are the datasets of inputs and outputs, each once.
    """

    inputs: tuple[Feed, ...]
    outputs: tuple[Feed, ...] = ()
    results: tuple[Result, ...] = ()
    time_length: int = 1
    dataset: str = ""
    overlapping: bool = False
    template: Template | None = None
    fit: Fit | None = None
    sources: tuple[Source, ...] = ()

    @property
    def blobs(self) -> list[str]:
        """Tables that the task reads."""
        return sorted({feed.blob for feed in (*self.inputs, *self.outputs)})


class _Checked(msgspec.Struct, frozen=True):
    """A feed with the shape of its data: for how many cycles there are rows, and how many values a cycle takes.

    `copied` is how many bytes its task copies into memory; a feed without windows is only mapped.
    """

    feed: Feed
    rows: int
    width: int
    copied: int
    source: Source

    @property
    def needed(self) -> int:
        """Rows of the table that there are cycles for; those before the first window and within the last one, too."""
        return self.rows + self.feed.first + self.feed.rows - 1


def plan_training(
    runtime: Runtime,
    access: Access,
    cluster: Cluster,
    inputs: Iterable[Binding],
    outputs: Iterable[Binding],
    time_length: int,
    equal_rows: bool = False,
    fit: Fit | None = None,
) -> tuple[Plan, int]:
    """Return the plan of a training and its number of cycles, those of all epochs.

    A cluster without a network is to get one whose inputs and outputs have the names that are bound. Rows that not all
    columns have are left out, which the log tells, or refused if `equal_rows` is wanted.

    Raises:
        BadRequest: if the bindings do not fit the cluster, or the tables not each other.
        NotFound: if a dataset or one of its columns does not exist.
        Conflict: if a dataset has no table yet.
        Unprocessable: if the network would take too much memory.
    """
    new = None
    if not cluster.template:
        named = _own_names(inputs := tuple(inputs), INPUTS), _own_names(outputs := tuple(outputs), OUTPUTS)
        new = first_template(runtime, access.actor, cluster, *named)
    template = new or template_of(cluster)
    given = _feeds(runtime, access, inputs, INPUTS, [item.name for item in template.inputs])
    expected = _feeds(runtime, access, outputs, OUTPUTS, [item.name for item in template.outputs])
    _check_widths(given, _sizes(template.inputs))
    _check_widths(expected, interfaces(cluster)[1] | _sizes(template.outputs))
    _check_rows(cluster, [*given, *expected], equal_rows)
    cycles = _cycles([*given, *expected], time_length)
    _check_memory(runtime, cluster, template, given, expected, time_length)
    feeds, targets = (tuple(item.feed for item in checked) for checked in (given, expected))
    sources = _sources([*given, *expected])
    plan = Plan(feeds, targets, time_length=time_length, template=new, fit=fit, sources=sources)
    return plan, cycles if fit is None else _all_cycles(fit, cycles)


def _all_cycles(fit: Fit, rows: int) -> int:
    if fit.early_stopping and not fit.validation:
        raise BadRequest("stopping_without_validation")
    held = fit.held(rows)
    if held >= rows:
        raise BadRequest("validation_leaves_none", share=fit.validation, rows=rows)
    rows -= held
    if fit.epochs * rows > MOST_CYCLES:
        raise BadRequest("training_too_long", epochs=fit.epochs, rows=rows, limit=MOST_CYCLES)
    return fit.epochs * rows


def _sources(checked: Iterable[_Checked]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(item.source for item in checked))


def _own_names(bindings: Iterable[Binding], field: str) -> list[str]:
    names = [item.interface for item in bindings]
    _check_names(names, field, names)
    return names


def plan_request(
    runtime: Runtime,
    access: Access,
    cluster: Cluster,
    dataset: str,
    inputs: Iterable[Binding],
    results: Iterable[Result],
    time_length: int,
    overlapping: bool = False,
) -> tuple[Plan, int]:
    """Return the plan of a request and its number of cycles.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        cluster: which one is asked.
        dataset: name of the dataset that the request writes.
        inputs: a column for each input of the cluster.
        results: a column of the new dataset for each output that is wanted.
        time_length: rows that one cycle looks at.
        overlapping: see `Plan`.

    Raises:
        BadRequest: if bindings or results do not fit the cluster, or the tables not each other.
        NotFound: if a dataset or one of its columns does not exist.
        Conflict: if the cluster was never trained, or a dataset has no table yet.
        Unprocessable: if the network would take too much memory.
    """
    template = template_of(cluster)
    given = _feeds(runtime, access, inputs, INPUTS, [item.name for item in template.inputs])
    _check_widths(given, _sizes(template.inputs))
    wanted = _checked_results(results, [item.name for item in template.outputs])
    if not interfaces(cluster)[1] and not runtime.queue.open_tasks(cluster.uuid):
        raise Conflict("cluster_never_trained", uuid=cluster.uuid)
    cycles = _cycles(given, time_length)
    _check_memory(runtime, cluster, template, given, (), time_length)
    feeds = tuple(item.feed for item in given)
    return Plan(feeds, (), wanted, time_length, dataset, overlapping, sources=_sources(given)), cycles


def _sizes(items: Iterable[Input | Output]) -> dict[str, int]:
    return {item.name: item.size for item in items if item.size}


def _feeds(
    runtime: Runtime, access: Access, bindings: Iterable[Binding], field: str, names: list[str]
) -> list[_Checked]:
    given = tuple(bindings)
    bound = [item.interface for item in given]
    _check_names(bound, field, names)
    missing = [name for name in names if name not in bound]
    if missing:
        raise BadRequest("interface_unbound", field=field, interface=missing[0])
    return [_feed(runtime, access, item) for item in given]


def _check_names(given: list[str], field: str, names: list[str]) -> None:
    if not given:
        raise BadRequest("bindings_missing", field=field)
    for name in given:
        if name not in names:
            raise BadRequest("interface_unknown", field=field, interface=name, known=", ".join(names))
    name, count = Counter(given).most_common(1)[0]
    if count > 1:
        raise BadRequest("interface_repeated", field=field, interface=name, count=count)


def _feed(runtime: Runtime, access: Access, item: Binding) -> _Checked:
    dataset = get_dataset(access, item.dataset)
    with open_table(runtime, dataset) as table:
        if item.column not in table.columns:
            raise NotFound("column_missing", column=item.column, uuid=item.dataset)
        (start, end), rows = table.columns[item.column], len(table.values)
        copied = rows * (end - start) * table.values.itemsize if item.rows > 1 else 0
    feed = Feed(item.interface, str(dataset.blob), item.column, item.first, item.rows)
    source = Source(dataset.uuid, dataset.name)
    return _Checked(feed, max(0, rows - item.first - item.rows + 1), (end - start) * item.rows, copied, source)


def _checked_results(results: Iterable[Result], names: list[str]) -> tuple[Result, ...]:
    given = tuple(results)
    _check_names([item.interface for item in given], RESULTS, names)
    for item in given:
        if not 0 < len(item.column.encode()) <= LONGEST_COLUMN:
            raise BadRequest("result_column_length", limit=LONGEST_COLUMN)
    if len({item.column for item in given}) < len(given):
        raise BadRequest("result_column_repeated")
    return given


def _check_widths(given: Iterable[_Checked], known: dict[str, int]) -> None:
    for item in given:
        expected = known.get(item.feed.interface, item.width)
        if expected != item.width:
            named = {"column": item.feed.column, "interface": item.feed.interface}
            raise BadRequest("column_width", **named, width=item.width, expected=expected)


def _check_memory(
    runtime: Runtime,
    cluster: Cluster,
    template: Template,
    given: Sequence[_Checked],
    expected: Sequence[_Checked],
    time_length: int,
) -> None:
    memory.require_task(runtime.settings, sum(item.copied for item in (*given, *expected)))
    inputs = {item.feed.interface: item.width * time_length for item in given}
    require_memory(runtime, cluster, template, inputs, {item.feed.interface: item.width for item in expected})


def _check_rows(cluster: Cluster, items: Sequence[_Checked], equal_rows: bool) -> None:
    longest, shortest = (choose(items, key=lambda item: item.needed) for choose in (max, min))
    if longest.needed == shortest.needed:
        return
    named = {"column": shortest.feed.column, "other": longest.feed.column}
    counts = {"rows": shortest.needed, "expected": longest.needed}
    if equal_rows:
        raise BadRequest("rows_unequal", **named, **counts)
    log.warning("a training leaves out rows", extra={"cluster": cluster.uuid, **named, **counts})


def _cycles(items: Sequence[_Checked], time_length: int) -> int:
    rows = min(item.rows for item in items)
    if rows < time_length:
        raise BadRequest("rows_too_few", time_length=time_length, rows=rows)
    return rows - time_length + 1
