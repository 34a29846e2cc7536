"""Conformance suite for compute hosts.

A plugin's tests derive a class from `HostConformance` and return a new host and its rule sets from its fixtures. What
the networks on the host must hold to is asked by `hanami_core.testing.networks.NetworkConformance`, once for each rule
set.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hanami_core.clock import SystemClock
from hanami_core.compute import ComputeHost, HostContext, HostDescription, NetworkRules, Run
from hanami_core.compute.hosts import name_of
from hanami_core.settings import Settings, Value
from hanami_core.testing.networks import ALWAYS, easy_rows, line

UUID = "0d5c0e3a-6f1a-4b0e-9d5c-7c1f6d0b8a42"


def host_context(
    directory: Path, settings: Mapping[str, Value] | None = None, threads: int = 0, *, background: bool = False
) -> HostContext:
    """Return a context for starting a host outside of a server.

    Args:
        directory: data directory and cache for compiled code.
        settings: settings of the plugin by their full names.
        threads: processors that the host may use, 0 for all of this process.
        background: whether the host may continue to prepare things after its start.
    """
    return HostContext(
        uuid=UUID,
        cache=directory,
        data_dir=directory,
        settings=Settings(directory, {}, settings or {}, {}),
        clock=SystemClock(),
        threads=threads or len(os.sched_getaffinity(0)),
        background=background,
    )


class HostConformance:
    """Requirements for every compute host."""

    @pytest.fixture
    def host(self) -> ComputeHost:
        """Return a host that was not started."""
        raise NotImplementedError("override the fixture 'host'")

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        """Return the rule sets that are meant for the host."""
        raise NotImplementedError("override the fixture 'rule_sets'")

    @pytest.fixture
    def context(self, tmp_path: Path) -> HostContext:
        """Return the context for starting the host; override it for a shared cache or for settings."""
        return host_context(tmp_path)

    @pytest.fixture
    def started(self, host: ComputeHost, context: HostContext) -> Iterator[ComputeHost]:
        """Return the host, started; it is stopped after the test."""
        host.start(context)
        yield host
        host.stop()

    def test_it_keeps_the_contract(self, host: ComputeHost, rule_sets: list[NetworkRules]) -> None:
        """All methods are there, the name can be one, and the rule sets are written for this kind of host."""
        assert isinstance(host, ComputeHost)
        assert name_of(host) == host.name
        assert rule_sets
        assert {rules.host_kind for rules in rule_sets} == {host.kind}

    def test_it_describes_itself(self, started: ComputeHost, context: HostContext) -> None:
        """Name, kind and identity are those that it has, and the numbers can be true."""
        found = started.describe()
        assert isinstance(found, HostDescription)
        assert (found.name, found.kind, found.uuid) == (started.name, started.kind, context.uuid)
        assert found.memory >= found.free_memory >= 0
        assert found.threads >= 1
        assert found.healthy or found.reason

    def test_it_is_described_while_networks_are_at_work(
        self, started: ComputeHost, rule_sets: list[NetworkRules]
    ) -> None:
        """Descriptions come from a thread of their own, and no run waits for them or they for it."""
        described = threading.Event()

        def describe() -> None:
            started.describe()
            described.set()

        def step(cycle: int) -> bool:
            thread = threading.Thread(target=describe)
            thread.start()
            thread.join(10)
            return False

        rules = rule_sets[0]
        network = rules.open(rules.create(line(), 1), started)
        network.resize(*easy_rows().sizes())
        network.train(easy_rows(), Run(step))
        network.close()
        assert described.is_set()

    def test_it_runs_each_of_its_rule_sets(self, started: ComputeHost, rule_sets: list[NetworkRules]) -> None:
        """Networks of all of them live side by side, from their creation to their end."""
        networks = [rules.open(rules.create(line(), 1), started) for rules in rule_sets]
        for network in networks:
            network.resize(*easy_rows().sizes())
            network.train(easy_rows(), ALWAYS)
        assert [network.head.cycles for network in networks] == [easy_rows().cycles] * len(networks)
        for network in networks:
            network.close()

    def test_it_can_be_stopped_twice_and_without_a_start(self, host: ComputeHost, context: HostContext) -> None:
        """A sidecar stops its host however far it came."""
        host.stop()
        host.start(context)
        host.stop()
        host.stop()
