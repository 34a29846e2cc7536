"""The hosts and the rules of the stub plugin; a plugin of its own, which reads the other one's settings."""

from __future__ import annotations

import numpy as np

from hanami_core import hookimpl
from hanami_core.compute import HostDescription
from hanami_core.network import NetworkState, StateHead
from hanami_core.network.declared import NoSettings

requires = ("server_stub",)


class StubHost:
    kind = "stub"

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self, context):
        context.cache.mkdir(parents=True, exist_ok=True)
        self.uuid = context.uuid

    def stop(self):
        pass

    def describe(self):
        return HostDescription(self.name, self.kind, self.uuid, 0, 0, 1)


class StubNetwork:
    def __init__(self, state: NetworkState) -> None:
        self.head = state.head

    def resize(self, inputs, outputs):
        self.head.inputs.update(inputs)
        self.head.outputs.update(outputs)

    def train_one(self, inputs, outputs):
        pass

    def request_one(self, inputs):
        return {name: np.zeros(size, np.float32) for name, size in self.head.outputs.items()}

    def train(self, rows, run):
        pass

    def request(self, rows, results, run):
        pass

    def state(self):
        return NetworkState(self.head)

    def metrics(self):
        return {}

    def close(self):
        pass


class StubRules:
    name = "section"
    host_kind = "stub"
    settings = NoSettings

    def refuses(self, template):
        return None

    def create(self, template, seed):
        return NetworkState(StateHead(rules=self.name, template=template, seed=seed))

    def open(self, state, host):
        return StubNetwork(state)


@hookimpl
def hanami_compute_hosts(settings):
    return [StubHost(name) for name in settings["server_stub.hosts"].split(",") if name]


@hookimpl
def hanami_network_rules():
    return [StubRules()]
