"""From typed bindings to a checked plan: which columns of which stored tables meet which interface of a cluster.

Knows neither HTTP nor how a client writes a binding.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from hanami_core.access import Access
from hanami_core.compute import memory, takes_weights
from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.network import Input, Output, Template
from hanami_core.runtime import Runtime
from hanami_plugins.clusters import Cluster, first_template, interfaces, require_memory, template_of
from hanami_plugins.datasets import get_dataset, open_table
from hanami_plugins.tasks.plans import Binding, Fit, Judges, ResultColumn, SourceDataset, TableBinding, TaskPlan
from hanami_plugins.tasks.weighing import BYTES_OF_WEIGHT, check_class_weight

__all__ = ["plan_request", "plan_training", "require_weights"]

INPUTS, OUTPUTS, RESULTS, WEIGHTS = "inputs", "outputs", "results", "sample_weight"
LONGEST_COLUMN = 254
MOST_CYCLES = 1 << 53
"""Cycles of a task up to which each number of them is exact in JSON."""

log = logging.getLogger("hanami.tasks")


class _Checked(msgspec.Struct, frozen=True):
    """A binding with the shape of its data: for how many cycles there are rows, and how many values a cycle takes.

    `copied` is how many bytes its task copies into memory; a binding without windows is only mapped.
    """

    binding: TableBinding
    rows: int
    width: int
    copied: int
    source: SourceDataset

    @property
    def needed(self) -> int:
        """Rows of the table that there are cycles for; those before the first window and within the last one, too."""
        return self.rows + self.binding.first + self.binding.rows - 1


class _Columns(NamedTuple):
    """What rows are made of: inputs, expected outputs and, in one column or none, how much each row counts."""

    inputs: Sequence[_Checked]
    outputs: Sequence[_Checked]
    weights: Sequence[_Checked]


def plan_training(
    runtime: Runtime,
    access: Access,
    cluster: Cluster,
    inputs: Iterable[Binding],
    outputs: Iterable[Binding],
    time_length: int,
    equal_rows: bool = False,
    fit: Fit | None = None,
) -> tuple[TaskPlan, int]:
    """Return the plan of a training and its number of cycles, those of all epochs.

    A cluster without a network is to get one whose inputs and outputs have the names that are bound. Rows that not all
    columns have are left out, which the log tells, or refused if `equal_rows` is wanted.

    Raises:
        BadRequest: if the bindings do not fit the cluster, or the tables not each other.
        NotFound: if a dataset or one of its columns does not exist.
        Conflict: if a dataset has no table yet, or the network knows no weights that are wanted.
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
    weights = _weights(runtime, access, fit, [*given, *expected])
    _check_rows(cluster, [*given, *expected, *weights], equal_rows)
    cycles = _cycles([*given, *expected], time_length)
    judges = _judges(runtime, access, fit, _Columns(given, expected, weights), time_length)
    everything = [*given, *expected, *weights, *judges.inputs, *judges.outputs, *judges.weights]
    copied = sum(item.copied for item in everything)
    if fit is not None and fit.weighs:
        copied += BYTES_OF_WEIGHT * max((item.rows for item in judges.inputs), default=0)
    _check_memory(runtime, cluster, template, given, expected, time_length, copied)
    if fit is not None and fit.weighs:
        check_class_weight(fit, {item.binding.interface: item.width for item in expected})
        require_weights(runtime, cluster, template)
    plan = TaskPlan(
        _feeds_of(given),
        _feeds_of(expected),
        time_length=time_length,
        template=new,
        fit=fit,
        sources=tuple(dict.fromkeys(item.source for item in everything)),
        weights=_first(weights),
        judges=_judging(judges) if judges.inputs else None,
    )
    return plan, cycles if fit is None else _all_cycles(fit, cycles)


def _feeds_of(checked: Iterable[_Checked]) -> tuple[TableBinding, ...]:
    return tuple(item.binding for item in checked)


def _judging(columns: _Columns) -> Judges:
    return Judges(_feeds_of(columns.inputs), _feeds_of(columns.outputs), _first(columns.weights))


def _first(checked: Sequence[_Checked]) -> TableBinding | None:
    return checked[0].binding if checked else None


def _weights(runtime: Runtime, access: Access, fit: Fit | None, rows: Sequence[_Checked]) -> list[_Checked]:
    """Return the column that says how much each row counts, if there is one."""
    wanted = None if fit is None else fit.sample_weight
    if wanted is None:
        return []
    datasets = {wanted.dataset} if wanted.dataset else {item.source.uuid for item in rows}
    if len(datasets) > 1:
        raise BadRequest("weight_dataset_missing", field=WEIGHTS)
    found = _feed(runtime, access, Binding(WEIGHTS, datasets.pop(), wanted.column))
    if found.width != 1:
        raise BadRequest("weight_width", field=WEIGHTS, column=wanted.column, width=found.width)
    fewest = min(item.rows for item in rows)
    if found.rows < fewest:
        raise BadRequest("weight_rows", field=WEIGHTS, column=wanted.column, rows=found.rows, expected=fewest)
    return [found]


def _judges(runtime: Runtime, access: Access, fit: Fit | None, trained: _Columns, time_length: int) -> _Columns:
    """Return the columns of a dataset for validation that have the names of those of the training; none without one.

    Weights are the exception: rows of a dataset that has none count the same.
    """
    if fit is None or not isinstance(fit.validation, str):
        return _Columns((), (), ())
    with open_table(runtime, get_dataset(access, fit.validation)) as table:
        weights = [item for item in trained.weights if item.binding.column in table.columns]
    judges = []
    for part in (trained.inputs, trained.outputs, weights):
        bindings = [Binding(f.interface, fit.validation, f.column, f.first, f.rows) for f in _feeds_of(part)]
        judges.append([_feed(runtime, access, binding) for binding in bindings])
        _check_widths(judges[-1], {item.binding.interface: item.width for item in part})
    found = _Columns(*judges)
    _cycles([*found.inputs, *found.outputs], time_length)
    return found


def require_weights(runtime: Runtime, cluster: Cluster, template: Template) -> None:
    """Raise unless rows of a training may count more or less in the network of a cluster.

    Raises:
        Conflict: if its rule set does not know weights.
    """
    host = runtime.hosts.get(cluster.host)
    if host is not None:
        rules = runtime.rules_for(template, host.kind)
        if not takes_weights(rules):
            raise Conflict("growth_without_weights", growth=rules.name)


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
    results: Iterable[ResultColumn],
    time_length: int,
    overlapping: bool = False,
) -> tuple[TaskPlan, int]:
    """Return the plan of a request and its number of cycles.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        cluster: which one is asked.
        dataset: name of the dataset that the request writes.
        inputs: a column for each input of the cluster.
        results: a column of the new dataset for each output that is wanted.
        time_length: rows that one cycle looks at.
        overlapping: see `TaskPlan`.

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
    _check_memory(runtime, cluster, template, given, (), time_length, sum(item.copied for item in given))
    sources = tuple(dict.fromkeys(item.source for item in given))
    return TaskPlan(_feeds_of(given), (), wanted, time_length, dataset, overlapping, sources=sources), cycles


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
    binding = TableBinding(item.interface, str(dataset.blob), item.column, item.first, item.rows)
    source = SourceDataset(dataset.uuid, dataset.name)
    return _Checked(binding, max(0, rows - item.first - item.rows + 1), (end - start) * item.rows, copied, source)


def _checked_results(results: Iterable[ResultColumn], names: list[str]) -> tuple[ResultColumn, ...]:
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
        expected = known.get(item.binding.interface, item.width)
        if expected != item.width:
            named = {"column": item.binding.column, "interface": item.binding.interface}
            raise BadRequest("column_width", **named, width=item.width, expected=expected)


def _check_memory(
    runtime: Runtime,
    cluster: Cluster,
    template: Template,
    given: Sequence[_Checked],
    expected: Sequence[_Checked],
    time_length: int,
    copied: int,
) -> None:
    memory.require_task(runtime.settings, copied)
    inputs = {item.binding.interface: item.width * time_length for item in given}
    require_memory(runtime, cluster, template, inputs, {item.binding.interface: item.width for item in expected})


def _check_rows(cluster: Cluster, items: Sequence[_Checked], equal_rows: bool) -> None:
    longest, shortest = (choose(items, key=lambda item: item.needed) for choose in (max, min))
    if longest.needed == shortest.needed:
        return
    named = {"column": shortest.binding.column, "other": longest.binding.column}
    counts = {"rows": shortest.needed, "expected": longest.needed}
    if equal_rows:
        raise BadRequest("rows_unequal", **named, **counts)
    log.warning("a training leaves out rows", extra={"cluster": cluster.uuid, **named, **counts})


def _cycles(items: Sequence[_Checked], time_length: int) -> int:
    rows = min(item.rows for item in items)
    if rows < time_length:
        raise BadRequest("rows_too_few", time_length=time_length, rows=rows)
    return rows - time_length + 1
