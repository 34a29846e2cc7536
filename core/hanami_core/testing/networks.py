"""Conformance suite for rule sets and the live networks that they open.

A plugin's tests derive a class from `NetworkConformance` and return their rules and a started host from its fixtures.
Rules whose networks do not learn, such as those of a simulation or a fixed filter, are held to `RulesConformance`.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from hanami_core.compute import Columns, ComputeHost, LiveNetwork, NetworkRules, Rows, Run, takes_weights
from hanami_core.compute.memory import TellsMemory
from hanami_core.compute.rules import choose, key_of
from hanami_core.compute.states import HasFormula, check_state, formula_of
from hanami_core.errors import BadRequest, CorruptFile
from hanami_core.network import Input, NetworkState, Output, Position, Settings, Template

ROWS = 400
WIDTH = 20
CLASSES = 3

ALWAYS = Run(lambda cycle: True)


def line(settings: Settings | None = None) -> Template:
    """Return three hexagons in a row: input, hidden, output."""
    hexagons = (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1))
    return Template(settings or Settings(), hexagons, (Input("in", 0),), (Output("out", 2),))


def easy_rows(count: int = ROWS, seed: int = 1) -> Rows:
    """Return rows of which the brightest third of the values tells the class."""
    random = np.random.default_rng(seed)
    values = random.integers(0, 60, (count, WIDTH), dtype=np.uint8)
    classes = random.integers(0, CLASSES, count)
    for row, kind in enumerate(classes):
        values[row, kind * 6 : kind * 6 + 6] += np.uint8(150)
    return Rows((Columns("in", values),), (Columns("out", np.eye(CLASSES, dtype=np.uint8)[classes]),))


class RulesConformance:
    """Requirements for every rule set, whether its networks learn or not."""

    @pytest.fixture
    def rules(self) -> NetworkRules:
        """Return the rules."""
        raise NotImplementedError("override the fixture 'rules'")

    @pytest.fixture
    def host(self) -> ComputeHost:
        """Return a started host."""
        raise NotImplementedError("override the fixture 'host'")

    @pytest.fixture
    def network(self, rules: NetworkRules, host: ComputeHost) -> LiveNetwork:
        """Return a network that has seen the shape of the rows."""
        return self.open(rules, host, rules.create(line(), 7))

    @staticmethod
    def open(rules: NetworkRules, host: ComputeHost, state: NetworkState) -> LiveNetwork:
        """Return a live network that is ready for the rows of this suite."""
        network = rules.open(state, host)
        network.resize(*easy_rows().sizes())
        return network

    def test_memory_is_told_before_it_is_taken(self, rules: NetworkRules, network: LiveNetwork) -> None:
        """Rules that tell how much memory a network takes tell enough; those that do not are passed over."""
        if isinstance(rules, TellsMemory):
            head = network.head
            told = rules.memory(head.template, head.inputs, head.outputs)
            assert told >= network.metrics().get("memory", 0)

    @staticmethod
    def answers(network: LiveNetwork, rows: Rows) -> np.ndarray:
        """Return a network's answers to rows."""
        result = np.zeros((rows.cycles, CLASSES), np.float32)
        network.request(Rows(rows.inputs), {"out": result}, ALWAYS)
        return result

    def test_it_keeps_the_contract(self, rules: NetworkRules, host: ComputeHost, network: LiveNetwork) -> None:
        """All methods are there and the names fit."""
        assert isinstance(rules, NetworkRules)
        assert isinstance(host, ComputeHost)
        assert isinstance(network, LiveNetwork)
        assert rules.host_kind == host.kind
        assert key_of(rules) == (rules.name, rules.host_kind)
        assert rules.refuses(line()) is None
        assert network.head.rules == rules.name
        assert {"blocks", "sections", "synapses"} <= set(network.metrics())

    def test_it_is_what_templates_with_its_name_get(self, rules: NetworkRules) -> None:
        """Named by a template it is chosen, and not with a setting that it did not declare."""
        registry = {key_of(rules): rules}
        named = line(Settings(growth=rules.name))
        assert choose(registry, named, rules.host_kind) is rules
        with pytest.raises(BadRequest, match="no_such_setting"):
            choose(registry, line(Settings(growth=rules.name, own={"no_such_setting": 1})), rules.host_kind)

    def test_the_same_seed_and_data_make_the_same_network(self, rules: NetworkRules, host: ComputeHost) -> None:
        """Two networks are equal to the bit, another seed makes another one."""
        digests = []
        for seed in (7, 7, 8):
            network = self.open(rules, host, rules.create(line(), seed))
            network.train(easy_rows(), ALWAYS)
            digests.append(network.state().digest())
        assert digests[0] == digests[1] != digests[2]

    def test_requests_change_nothing(self, network: LiveNetwork) -> None:
        """Not with known rows, not with values that were never seen, not one by one."""
        network.train(easy_rows(), ALWAYS)
        before = network.state().digest()
        strange = Rows((Columns("in", np.full((5, WIDTH), 255, np.uint8)),))
        self.answers(network, easy_rows())
        self.answers(network, strange)
        single = network.request_one({"in": np.full(WIDTH, 1e6, np.float32)})
        assert np.isfinite(single["out"]).all()
        assert network.state().digest() == before

    def test_one_answer_is_the_answer_of_a_row(self, network: LiveNetwork) -> None:
        """A single request and a request of many rows agree."""
        network.train(easy_rows(), ALWAYS)
        rows = easy_rows(10, seed=3)
        many = self.answers(network, rows)
        for row, expected in zip(rows.inputs[0].values, many, strict=True):
            single = network.request_one({"in": row.astype(np.float32)})["out"]
            np.testing.assert_allclose(single, expected, atol=1e-5)

    @pytest.mark.parametrize("stream", [0, 600])
    def test_its_formula_says_what_it_answers(self, rules: NetworkRules, network: LiveNetwork, stream: int) -> None:
        """An export gives the same answers, also to values that were never seen, and after a stream."""
        if not isinstance(rules, HasFormula):
            return
        rows = easy_rows()
        network.train(rows, ALWAYS)
        for cycle in range(stream):
            inputs, outputs = (columns[0].values[cycle % ROWS] for columns in (rows.inputs, rows.outputs))
            network.train_one({"in": inputs.astype(np.float32)}, {"out": outputs.astype(np.float32)})
        values = np.random.default_rng(5).normal(100, 200, (50, WIDTH)).astype(np.float32)
        answers = self.answers(network, Rows((Columns("in", values),)))
        state = network.state()
        check_state(rules, state)
        found = formula_of([rules], state).evaluate({"in": values})
        np.testing.assert_allclose(found["out"], answers, rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("stop", [0, 1, 3])
    def test_an_interrupted_run_ends_the_same(self, rules: NetworkRules, host: ComputeHost, stop: int) -> None:
        """Stored at any step, read back and continued, a network is the one that never stopped."""
        rows = easy_rows(6000)
        whole = self.open(rules, host, rules.create(line(), 7))
        whole.train(rows, ALWAYS)
        network = self.open(rules, host, rules.create(line(), 7))
        steps: list[int] = []
        network.train(rows, Run(lambda cycle: steps.append(cycle) or len(steps) <= stop))  # type: ignore[func-returns-value]
        file = io.BytesIO()
        network.state().write(file)
        resumed = rules.open(NetworkState.read(file), host)
        resumed.train(rows, Run(lambda cycle: True, steps[-1]))
        assert resumed.state().digest() == whole.state().digest()

    def test_a_network_comes_back_after_it_was_closed(self, rules: NetworkRules, host: ComputeHost) -> None:
        """Its state stays what it was, and another network goes on from it; closing twice does no harm."""
        network = self.open(rules, host, rules.create(line(), 7))
        network.train(easy_rows(), ALWAYS)
        state = network.state()
        digest = state.digest()
        network.close()
        network.close()
        assert state.digest() == digest
        assert network.head == state.head
        again = rules.open(state, host)
        assert again.state().digest() == digest
        again.train(easy_rows(), ALWAYS)
        assert again.head.cycles == 2 * ROWS

    def test_closing_one_network_leaves_others_alone(self, rules: NetworkRules, host: ComputeHost) -> None:
        """Not even one that has the same state."""
        first = self.open(rules, host, rules.create(line(), 7))
        first.train(easy_rows(), ALWAYS)
        second = rules.open(first.state(), host)
        before = self.answers(first, easy_rows())
        second.close()
        np.testing.assert_array_equal(self.answers(first, easy_rows()), before)

    @pytest.mark.parametrize(
        ("inputs", "outputs"), [({"no": 5}, {}), ({}, {"no": 5}), ({}, {"out": CLASSES + 1}), ({"in": 0}, {})]
    )
    def test_an_impossible_shape_is_refused(
        self, network: LiveNetwork, inputs: dict[str, int], outputs: dict[str, int]
    ) -> None:
        """Unknown names and other widths change nothing."""
        before = network.state().digest()
        with pytest.raises(BadRequest):
            network.resize(inputs, outputs)
        assert network.state().digest() == before

    def test_damaged_states_are_refused(self, rules: NetworkRules, host: ComputeHost, network: LiveNetwork) -> None:
        """Arrays of another shape than the head says are not opened."""
        network.train(easy_rows(), ALWAYS)
        for name in network.state().arrays:
            state = network.state()
            state.arrays[name] = state.arrays[name].reshape(-1)[:-1].copy()
            with pytest.raises(CorruptFile):
                rules.open(state, host)
            del state.arrays[name]
            with pytest.raises(CorruptFile):
                rules.open(state, host)


class NetworkConformance(RulesConformance):
    """Requirements for every rule set whose networks learn."""

    def test_it_learns(self, network: LiveNetwork) -> None:
        """An easy problem is solved within a few passes, and new rows are answered right."""
        for _ in range(8):
            network.train(easy_rows(), ALWAYS)
        test = easy_rows(200, seed=2)
        right = self.answers(network, test).argmax(1) == test.outputs[0].values.argmax(1)
        assert right.mean() > 0.95
        assert network.head.cycles == 8 * ROWS

    def test_one_by_one_learns_too(self, network: LiveNetwork) -> None:
        """Frames of a stream train the network."""
        rows = easy_rows()
        for inputs, outputs in zip(rows.inputs[0].values, rows.outputs[0].values, strict=True):
            network.train_one({"in": inputs.astype(np.float32)}, {"out": outputs.astype(np.float32)})
        right = self.answers(network, rows).argmax(1) == rows.outputs[0].values.argmax(1)
        assert right.mean() > 0.9

    def test_rows_are_learned_by_their_weights(
        self, rules: NetworkRules, host: ComputeHost, network: LiveNetwork
    ) -> None:
        """Weights of 1 change nothing, rows of weight 0 teach nothing, and heavy ones decide what is contradictory."""
        if not takes_weights(rules):
            return
        rows, ones = easy_rows(), np.ones(ROWS, np.float32)
        other = self.open(rules, host, network.state())
        network.train(rows, ALWAYS)
        other.train(replace(rows, weights=ones), ALWAYS)
        assert other.state().digest() == network.state().digest()
        wrong = (Columns("out", np.roll(rows.outputs[0].values, 1, axis=1)),)
        inputs = tuple(Columns(one.name, np.concatenate([one.values] * 2)) for one in rows.inputs)
        outputs = (Columns("out", np.concatenate([wrong[0].values, rows.outputs[0].values])),)
        order = np.random.default_rng(1).permutation(2 * ROWS)
        weights = np.concatenate([ones * 0, ones * 3])[order]
        mixed = [tuple(Columns(one.name, one.values[order]) for one in part) for part in (inputs, outputs)]
        for _ in range(8):
            network.train(Rows(mixed[0], mixed[1], weights=weights), ALWAYS)
        right = self.answers(network, rows).argmax(1) == rows.outputs[0].values.argmax(1)
        assert right.mean() > 0.95

    def test_an_interrupted_run_with_weights_ends_the_same(self, rules: NetworkRules, host: ComputeHost) -> None:
        """A network that goes on in the middle is the one that never stopped, whatever rows weigh."""
        if not takes_weights(rules):
            return
        weights = np.random.default_rng(2).exponential(2, 3000).astype(np.float32)
        rows = replace(easy_rows(3000), weights=weights)
        whole = self.open(rules, host, rules.create(line(), 7))
        whole.train(rows, ALWAYS)
        network = self.open(rules, host, rules.create(line(), 7))
        steps: list[int] = []
        network.train(rows, Run(lambda cycle: bool(steps.append(cycle))))  # type: ignore[func-returns-value]
        resumed = self.open(rules, host, network.state())
        resumed.train(rows, Run(lambda cycle: True, steps[-1]))
        assert resumed.state().digest() == whole.state().digest()
