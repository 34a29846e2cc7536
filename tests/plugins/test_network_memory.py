"""Networks tell how much memory they may take, and what is too much is refused before it is taken."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import numpy as np
import pytest

from hanami_core.access import Access, Action, Actor
from hanami_core.compute import NetworkRules, memory
from hanami_core.datasets import TableWriter
from hanami_core.errors import Unprocessable
from hanami_core.ids import new_uuid
from hanami_core.queue import Task
from hanami_core.settings import CORE_SETTINGS, Settings
from hanami_core.storage.database import atomic
from hanami_plugins import tasks
from hanami_plugins.clusters import LiveCluster
from hanami_plugins.datasets import add_result, finalise_result
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules, CpuSynapseRules
from hanami_plugins.networks_section.deep_memory import DeepMemory
from hanami_plugins.networks_section.section_memory import SectionMemory
from hanami_plugins.networks_synapse import arrays
from hanami_plugins.networks_synapse.synapse_layout import MAX_SECTIONS
from hanami_plugins.tasks import Binding
from tests.plugins.engine_kit import chain
from tests.plugins.synapse import line
from tests.whole import Whole

MB = 1_000_000
INPUTS, OUTPUTS = {"in": 1000}, {"out": 10}
TEMPLATE = """version: 1
settings:
    blocks: 64
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    in: 1,1,1
outputs:
    out: 3,1,1
"""


Memory = TypeVar("Memory", SectionMemory, DeepMemory)


def fully_grown(kind: type[Memory], template: Any, weights: dict[str, int]) -> Memory:
    """Return a network all of whose sources have been active."""
    state = kind(CpuSectionRules().create(template, 1)).resized(INPUTS, OUTPUTS).state()
    for name, rows in weights.items():
        blocks, before, width = state.arrays[name].shape
        state.arrays[name] = np.zeros((blocks, before + rows, width), np.float32)
    return kind(state)


@pytest.mark.parametrize("blocks", [1, 16, 64])
def test_a_section_network_takes_no_more_than_it_told(blocks: int) -> None:
    template = chain(("in",), ("out",), blocks)
    network = fully_grown(SectionMemory, template, {"weights": 1000})
    network.start_average()
    stored = sum(array.nbytes for array in network.state().arrays.values())
    told = CpuSectionRules().memory(template, INPUTS, OUTPUTS)
    assert network.bytes + stored <= told < 2 * (network.bytes + stored) + 10 * MB


def test_a_deep_network_takes_no_more_than_it_told() -> None:
    template = line(4)
    network = fully_grown(DeepMemory, template, {"0.weights": 1000})
    stored = sum(array.nbytes for array in network.state().arrays.values())
    told = CpuSectionRules().memory(template, INPUTS, OUTPUTS)
    assert network.bytes + stored <= told < 3 * (network.bytes + stored) + 10 * MB


def test_a_synapse_network_takes_no_more_than_it_told() -> None:
    rows = sum(array.nbytes for array in arrays.for_rows(1024, reduction=True).values())
    told = CpuSynapseRules().memory(line(), INPUTS, OUTPUTS)
    assert rows * (MAX_SECTIONS // 1024) < told < 2 * rows * (MAX_SECTIONS // 1024)


def test_products_count_and_not_factors() -> None:
    rules = CpuSectionRules()
    few, many = chain(("in",), ("out",), 2), chain(("in",), ("out",), 1024)
    assert rules.memory(few, {"in": 20_000}, OUTPUTS) < 200 * MB
    assert rules.memory(many, {"in": 20}, OUTPUTS) < 200 * MB
    assert rules.memory(many, {"in": 20_000}, OUTPUTS) > 5_000 * MB


def test_rules_that_do_not_tell_are_taken_by_their_interfaces() -> None:
    rules = cast(NetworkRules, SimpleNamespace(name="mine"))
    assert memory.needed(rules, chain(), {"in": 1000}, {"out": 10}) == 1010 * memory.BYTES_OF_VALUE


def test_the_limit_is_the_setting_or_half_of_the_machine(tmp_path: Path) -> None:
    values = {setting.name: setting.default for setting in CORE_SETTINGS}
    assert memory.limit(Settings(tmp_path, {}, values | {memory.SETTING: 5}, {})) == 5
    assert memory.limit(Settings(tmp_path, {}, values, {})) >= memory.LEAST


# -- what users meet ---------------------------------------------------------------------------------------------------


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path, limits__network_memory=50 * MB) as opened:
        yield opened


def table(whole: Whole, width: int, rows: int = 3) -> str:
    """Store a table with one column of so many values, and return its uuid."""
    uuid = new_uuid()
    with whole.runtime.blobs.staging() as staged:
        with TableWriter(staged) as writer:
            writer.begin({"a": width, "b": 1}, np.uint8)
            writer.append(np.zeros((rows, width + 1), np.uint8))
        shape = finalise_result(whole.runtime, staged)
        with atomic():
            owned = {"uuid": uuid, "name": "wide", "owner_id": "asdf", "project_id": "admin"}
            add_result(whole.runtime, **owned, staged=staged, shape=shape)
    return uuid


def create(whole: Whole, text: str = TEMPLATE) -> Any:
    return whole.call("POST", "cluster", name="cluster", template=base64.b64encode(text.encode()).decode())


def train(whole: Whole, cluster: str, dataset: str, **more: Any) -> Any:
    inputs = [{"hexagon_name": "in", "dataset_uuid": dataset, "dataset_column": "a"}]
    outputs = [{"hexagon_name": "out", "dataset_uuid": dataset, "dataset_column": "b"}]
    fields = {"name": "training", "cluster_uuid": cluster, "inputs": inputs, "outputs": outputs}
    return whole.call("POST", "task/train", **fields | more)


def test_a_training_that_would_make_a_network_too_big_is_refused_with_the_numbers(whole: Whole) -> None:
    cluster = create(whole).json["uuid"]
    assert train(whole, cluster, table(whole, 100)).status_code == 200
    refused = train(whole, cluster, table(whole, 20_000))
    assert refused.status_code == 400
    assert refused.text.startswith("the network would need 1.")
    assert refused.text.endswith(" GB, 50.0 MB are allowed")
    assert Task.select().count() == 1


def test_the_rows_of_a_cycle_count_together(whole: Whole) -> None:
    cluster, wide = create(whole).json["uuid"], table(whole, 100, 1000)
    assert train(whole, cluster, wide).status_code == 200
    assert "50.0 MB are allowed" in train(whole, cluster, wide, time_length=500).text


def test_values_that_a_task_copies_are_limited(tmp_path: Path) -> None:
    with Whole(tmp_path, limits__task_memory=1000) as whole:
        cluster, uuid = create(whole).json["uuid"], table(whole, 4, 1000)
        actor = Actor("asdf", "asdf", "admin", "admin", is_admin=True)
        access = Access(actor, Action("t", "POST", "", "write", ()), whole.runtime.plugins.access_rules)

        def queue(rows: int) -> Any:
            given = [Binding("in", uuid, "a", rows=rows)], [Binding("out", uuid, "b", rows - 1)]
            return tasks.train(whole.runtime, access, cluster, "training", *given)

        with pytest.raises(Unprocessable, match="task too big"):
            queue(2)
        assert queue(1).state == "queued"


def test_a_first_training_is_refused_as_well(tmp_path: Path) -> None:
    with Whole(tmp_path, limits__network_memory=MB) as whole:
        cluster = whole.call("POST", "cluster", name="cluster").json["uuid"]
        assert "1.0 MB are allowed" in train(whole, cluster, table(whole, 20_000)).text


def test_a_template_that_asks_for_too_much_is_refused(whole: Whole) -> None:
    line_of_hidden = "".join(f"    {x},1,1\n" for x in range(1, 6))
    text = TEMPLATE.replace("    1,1,1\n    2,1,1\n    3,1,1\n", line_of_hidden).replace("out: 3,1,1", "out: 5,1,1")
    refused = create(whole, text)
    assert (refused.status_code, "50.0 MB are allowed" in refused.text) == (400, True), refused.text
    assert create(whole).status_code == 200


def test_a_frame_that_would_make_a_network_too_big_changes_nothing() -> None:
    fitted: list[Any] = []
    head = SimpleNamespace(inputs={"in": 10}, outputs={"out": 2})
    network = SimpleNamespace(head=head, resize=lambda *sizes: fitted.append(sizes))

    def require(most: int, inputs: Any, outputs: Any) -> None:
        memory.require_bytes(sum(inputs.values()) + sum(outputs.values()), most)

    live = LiveCluster("c", require=partial(require, 100), _network=cast(Any, network))
    with pytest.raises(Unprocessable, match="network too big"):
        live.fit({"in": 99}, {"out": 2})
    assert fitted == []
    live.fit({"in": 98}, {"out": 2})
    assert fitted == [({"in": 98}, {"out": 2})]
