"""How much memory a network may take: estimated by its rule set, and refused before anything is taken.

The product counts, not its factors: a width and a number of blocks that are fine by themselves may not be together. So
whoever creates a network, opens one or fits it to data asks first. A host may have memory of its own; then a network
has to fit into that, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hanami_core.compute import descriptions
from hanami_core.compute.hosts import ComputeHost
from hanami_core.compute.networks import NetworkRules
from hanami_core.errors import Unprocessable
from hanami_core.machine_memory import memory
from hanami_core.network import Template
from hanami_core.settings import Settings
from hanami_core.sizes import size_text

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = [
    "SETTING",
    "TellsMemory",
    "declared_sizes",
    "limit",
    "needed",
    "require",
    "require_bytes",
    "require_room",
    "require_task",
    "room",
    "task_limit",
]

SETTING = "limits.network_memory"
TASK_SETTING = "limits.task_memory"
SHARE_OF_TASK = 4
SHARE = 2
"""Without a setting, a network may take one part of the machine's memory in so many."""
LEAST = 1 << 30
"""The limit on a small machine, and on one that does not tell how much memory it has."""
BYTES_OF_VALUE = 16
"""What a value of an interface takes in a network whose rules do not tell: values, deltas, and their copies."""


@runtime_checkable
class TellsMemory(Protocol):
    """A rule set that says how much memory its networks need. Every rule set should; none has to."""

    def memory(self, template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
        """Return the maximum number of bytes that a network needs, also for training, answering and storing it.

        Called often, by processes without a compute library, and before anything is allocated.

        Args:
            template: one that the rules run.
            inputs: numbers of values of the inputs, without those that are still unknown.
            outputs: the same for the outputs.
        """


def needed(rules: NetworkRules, template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> int:
    """Return the bytes that a network takes at most; of rules that do not tell, what its interfaces take at least."""
    if isinstance(rules, TellsMemory):
        return int(rules.memory(template, inputs, outputs))
    return BYTES_OF_VALUE * (sum(inputs.values()) + sum(outputs.values()))


def limit(settings: Settings) -> int:
    """Return the bytes that a network may take."""
    given = int(settings[SETTING])
    return given or max(LEAST, memory().total // SHARE)


def task_limit(settings: Settings) -> int:
    """Return how many bytes of values a task may copy into memory."""
    return int(settings[TASK_SETTING]) or max(LEAST, memory().total // SHARE_OF_TASK)


def require_task(settings: Settings, size: int) -> None:
    """Raise unless a task may copy so many bytes of values into memory.

    Raises:
        Unprocessable: if it may not.
    """
    most = task_limit(settings)
    if size > most:
        raise Unprocessable("task_too_big", needed=size_text(size), limit=size_text(most))


def declared_sizes(template: Template) -> tuple[dict[str, int], dict[str, int]]:
    """Return the numbers of values of inputs and outputs that a template asks for."""
    return (
        {item.name: item.size for item in template.inputs if item.size},
        {item.name: item.size for item in template.outputs if item.size},
    )


def require(
    runtime: Runtime, template: Template, host: ComputeHost, inputs: Mapping[str, int], outputs: Mapping[str, int]
) -> None:
    """Raise unless there may be a network with these numbers of values on a host.

    Raises:
        Unprocessable: if it would take too much memory.
        BadRequest: if no rule set runs the template there.
    """
    size = needed(runtime.rules_for(template, host.kind), template, inputs, outputs)
    require_bytes(size, limit(runtime.settings))
    require_room(runtime, host, size)


def room(runtime: Runtime, host: ComputeHost) -> int | None:
    """Return the bytes that all networks on a host can have together; None if it has no memory of its own.

    None as well if the host has not said so lately: whoever opens a network there finds out.
    """
    here = runtime.compute is not None and runtime.compute.name == host.name
    description = host.describe() if here else descriptions.load(runtime.settings.data_dir, host.name)
    return None if description is None else description.network_memory


def require_room(runtime: Runtime, host: ComputeHost, size: int) -> None:
    """Raise unless so many bytes fit into a host's own memory.

    Raises:
        Unprocessable: if they do not.
    """
    most = room(runtime, host)
    if most is not None and size > most:
        raise Unprocessable("host_memory_short", host=host.name, needed=size_text(size), free=size_text(most))


def require_bytes(size: int, most: int) -> None:
    """Raise unless a network may take so many bytes.

    Raises:
        Unprocessable: if it may not.
    """
    if size > most:
        raise Unprocessable("network_too_big", needed=size_text(size), limit=size_text(most), setting=SETTING)
