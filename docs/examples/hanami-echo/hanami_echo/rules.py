"""The rule set ``echo``: what a template may say, and how a network begins. It runs in every process."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.compute import ComputeHost
from hanami_core.errors import CorruptFile
from hanami_core.network import NetworkState, StateHead, Template
from hanami_echo.network import EchoNetwork


class EchoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What templates may say beside the common settings: ``gain: 2.5``."""

    gain: Annotated[float, Meta(gt=0, le=1000)] = 1.0


class EchoRules:
    """Makes networks for hosts of the kind ``echo``."""

    name = "echo"
    host_kind = "echo"
    settings = EchoSettings

    def refuses(self, template: Template) -> str | None:
        """Each output repeats the input that stands at its place."""
        return None if len(template.inputs) == len(template.outputs) else "echo needs one output for each input"

    def create(self, template: Template, seed: int) -> NetworkState:
        """A network has no weights: what it is stands in the head."""
        return NetworkState(StateHead(self.name, template, seed))

    def open(self, state: NetworkState, host: ComputeHost) -> EchoNetwork:
        """Bring a state to life."""
        if state.head.rules != self.name or state.arrays:
            raise CorruptFile("this is not the state of an echo")
        return EchoNetwork(state.head, state.head.template.settings.of(EchoSettings).gain)
