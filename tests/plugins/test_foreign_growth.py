"""A rule set of somebody else, in the application and in a sidecar, and what a fresh cluster costs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.access import Actor
from hanami_core.compute.rules import choose, key_of
from hanami_core.network import Position, Template, topology
from hanami_core.plugin_host import EntryPoint, PluginHost, installed_plugins
from hanami_core.queue import Job
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.kinds import RestorePayload
from hanami_plugins.clusters import Cluster, template_of
from hanami_plugins.host_numba import hanami_network_rules
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_section import deep_graph
from tests import mine
from tests.mine import MineHost, MineRules
from tests.plugins.data import stored
from tests.plugins.test_host_numba_deep import line
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")
MINE = EntryPoint("mine", "third", "1", lambda: mine)
TEXT = """version: 1
settings:
{}
hexagons: 1,1,1 2,1,1 3,1,1
inputs: in: 1,1,1
outputs: out: 3,1,1
"""
PREFIX = "Uploaded template is not a valid cluster-template: \n"
COMMON = "neuron_cooldown, refractory_time, max_connection_distance, enable_reduction, growth"


def encoded(settings: str) -> str:
    return base64.b64encode(TEXT.format(settings).encode()).decode()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path, MINE) as running:
        yield running


def create(whole: Whole, settings: str) -> Any:
    return whole.call("POST", "cluster", name="a cluster", template=encoded(settings))


@pytest.mark.parametrize("settings", ["growth: mine", "growth: mine depth: 7", "depth: 7 growth: mine", "depth: 7"])
def test_a_template_that_asks_for_it_gets_it(whole: Whole, settings: str) -> None:
    answer = create(whole, settings)
    assert answer.status_code == 200, answer.text
    assert whole.call("GET", "cluster", uuid=answer.json["uuid"]).json["host"] == "mine0"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("growth: mine depth: 0", "line 3, column 14: depth must be between 1 and 100"),
        ("growth: mine\n  depth: 101", "line 4, column 3: depth must be between 1 and 100"),
        ("growth: mine depth: deep", "line 3, column 21: depth must be an integer, not 'deep'"),
        ("growth: mine depth: 1.5", "line 3, column 21: depth must be an integer, not '1.5'"),
        (
            "growth: mine blocks: 4",
            f"line 3, column 14: unknown setting 'blocks' with growth mine, known are: {COMMON}, depth",
        ),
        (
            "growth: section depth: 4",
            f"line 3, column 17: unknown setting 'depth' with growth section, known are: {COMMON}, blocks, precision",
        ),
        (
            "growth: mine height: 4",
            f"line 3, column 14: unknown setting 'height', known are: {COMMON}, depth",
        ),
        ("height: 4", f"line 3, column 1: unknown setting 'height', known are: {COMMON}, blocks, precision, depth"),
        ("growth: yours", "line 3, column 9: growth must be section, synapse or mine, not 'yours'"),
        ("neuron_cooldown: 1", "line 3, column 1: neuron_cooldown must be bigger than 1"),
        (
            "depth: 4 blocks: 4",
            "growth 'section': there is no setting 'depth', known are: blocks, precision\n"
            "growth 'synapse': there is no setting 'depth', known are: blocks, precision\n"
            "growth 'mine': there is no setting 'blocks', known are: depth",
        ),
    ],
)
def test_what_it_does_not_declare_is_refused_with_the_place(whole: Whole, settings: str, message: str) -> None:
    answer = create(whole, settings)
    assert (answer.status_code, answer.text) == (400, PREFIX + message)


@pytest.mark.parametrize("field", [{"class_weight": "balanced"}, {"sample_weight": "w"}])
def test_it_is_given_no_weights(whole: Whole, field: dict[str, Any]) -> None:
    """It does not say that it takes any, and would go on without them."""
    cluster = create(whole, "growth: mine").json["uuid"]
    dataset = stored(whole.runtime, x=np.ones((4, 1)), y=np.eye(2)[[0, 1, 0, 1]], w=np.ones((4, 1)))
    names = (("inputs", "in", "x"), ("outputs", "out", "y"))
    bindings = {
        part: [{"hexagon_name": hexagon, "dataset_uuid": dataset, "dataset_column": column}]
        for part, hexagon, column in names
    }
    answer = whole.call("POST", "task/train", name="lesson", cluster_uuid=cluster, **bindings, **field)
    assert answer.status_code == 409
    assert answer.text == "'class_weight' and 'sample_weight': growth 'mine' does not know weights"
    answer = whole.call("POST", "task/train", name="lesson", cluster_uuid=cluster, **bindings)
    assert answer.status_code == 200


def test_it_can_be_restored_only_where_it_runs(whole: Whole) -> None:
    cluster = create(whole, "growth: mine").json["uuid"]
    uuid = whole.runtime.host_uuids["cpu0"]
    assert whole.call("PUT", "cluster/switch_host", cluster_uuid=cluster, host_uuid=uuid).status_code == 409


# -- in a sidecar ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sidecar(tmp_path: Path, whole: Whole) -> Iterator[Runtime]:
    opened = Runtime.open(tmp_path, "sidecar", {}, {}, PluginHost([*installed_plugins(), MINE]))
    opened.start_compute("mine0")
    yield opened
    opened.close()


def test_a_restore_closes_the_network_that_it_looked_at(whole: Whole, sidecar: Runtime) -> None:
    cluster = create(whole, "growth: mine depth: 2").json["uuid"]
    state = MineRules().create(read_template(cluster), 1)
    with sidecar.blobs.staging() as path:
        with path.open("wb") as file:
            state.write(file)
        sidecar.blobs.finalise(path)
        with atomic():
            blob = sidecar.blobs.link(path)
            sidecar.queue.enqueue("restore", cluster, ACTOR, "t", RestorePayload(blob), 1, blobs=[blob])
    task = sidecar.queue.claim("mine0", "mine0/here")
    assert task is not None
    sidecar.kinds["restore"].run(Job(sidecar, task))
    assert Cluster.get(Cluster.uuid == cluster).version == 1
    host = sidecar.hosts["mine0"]
    assert isinstance(host, MineHost)
    assert (host.opened, host.networks) == (1, 0)


def read_template(cluster: str) -> Template:
    return template_of(Cluster.get(Cluster.uuid == cluster))


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count how often hops between hexagons are worked out; nothing is remembered from other tests."""
    counted: list[int] = []
    count = topology.hop_counts

    def counting(positions: Any, neighbours: Any) -> Any:
        counted.append(len(positions))
        return count(positions, neighbours)

    monkeypatch.setattr(topology, "hop_counts", counting)
    topology.Topology.of.cache_clear()
    deep_graph.between.cache_clear()
    deep_graph.hexagons.cache_clear()
    yield counted
    topology.Topology.of.cache_clear()


def test_the_api_analyses_a_new_template_once(whole: Whole, analyses: list[int]) -> None:
    assert create(whole, "growth: section").status_code == 200
    assert analyses == [3]


@pytest.mark.parametrize("template", [line(3), line(6, 2)], ids=["flat", "deep"])
def test_a_sidecar_analyses_the_template_of_a_fresh_cluster_once(template: Template, analyses: list[int]) -> None:
    registry = {key_of(rules): rules for rules in hanami_network_rules()}
    host = CpuHost("cpu0", 1)
    state = choose(registry, template, "cpu").create(template, 1)
    network = choose(registry, template, "cpu").open(state, host)
    network.resize({"in": 4}, {"out": 2})
    again = choose(registry, template, "cpu").open(network.state(), host)
    assert again.head.template == template
    assert analyses == [len(template.hexagons)]


def test_positions_that_differ_are_other_templates(analyses: list[int]) -> None:
    first = line(3)
    moved = tuple(Position(x, y, z + 1) for x, y, z in first.hexagons)
    for hexagons in (first.hexagons, moved):
        assert topology.Topology.of(Template(first.settings, hexagons, first.inputs, first.outputs)).targets
    assert len(analyses) == 2
