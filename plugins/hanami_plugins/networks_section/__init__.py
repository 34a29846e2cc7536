"""Growth by sections: what a network is, grows and answers. Imports no compute library, and computes nothing.

`section_reference` and `deep_reference` say in plain NumPy what a network learns and answers, the other modules what
its state is: which arrays there are and how they lie in memory, which templates there are networks for, how many bytes
one takes. A host imports from here what its kernels are given, and adds how they compute it, see `host_numba`. What
does not depend on how a network grows is here, too, for other rule sets: sizes of interfaces, scrambled numbers, and
how much a cycle counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanami_core.deprecation import former_names
from hanami_plugins.networks_section import deep_layout, deep_memory, initial, ranges, section_memory, snapshot, weights
from hanami_plugins.networks_section.deep_graph import is_deep
from hanami_plugins.networks_section.deep_layout import (
    BATCH,
    COUNTS,
    DeepAnswers,
    DeepInputs,
    DeepNet,
    DeepScratch,
)
from hanami_plugins.networks_section.deep_memory import DeepMemory, chosen
from hanami_plugins.networks_section.deep_reference import DeepReference
from hanami_plugins.networks_section.interfaces import fitted
from hanami_plugins.networks_section.network_arrays import (
    AVERAGE,
    LEARNED,
    aligned,
    blocks_of,
    lane_starts,
    starts,
    with_limits,
)
from hanami_plugins.networks_section.network_memory import MAX_INPUTS, MAX_OUTPUTS, NetworkMemory
from hanami_plugins.networks_section.ranges import Ranges
from hanami_plugins.networks_section.references import average_of, reference_of, resized
from hanami_plugins.networks_section.schedule import (
    AVERAGE_PERIOD,
    LAST_RATE,
    STREAM_RATE,
    average_share,
    first_rate,
    slice_length,
)
from hanami_plugins.networks_section.section_extra import SectionExtra
from hanami_plugins.networks_section.section_layout import (
    ACCURACY,
    ALLOCATE_ROWS,
    BROKEN,
    BYTES,
    CHUNK,
    CHUNK_FAILURES,
    CHUNK_STEPS,
    CONFIDENT,
    DONE,
    ENERGY_BASE,
    ENERGY_HIGH,
    ENERGY_LOW,
    FAILURE,
    FAILURE_DECAY,
    FARTHEST,
    FLOATS,
    FULL,
    GOLDEN,
    GRADED_FACTOR,
    LANES,
    LARGEST,
    LOSS,
    ONE,
    OVERSUBSCRIBED,
    RAISE_BORDERS,
    SCORE_DECAY,
    SCORED,
    SEGMENT,
    SMOOTHING,
    SOFTMAX,
    STATUS,
    STATUS_CYCLE,
    STATUS_GROWTH,
    STATUS_WAITS,
    TILE,
    WIDTH,
    WRONG,
    ZERO,
    Answers,
    Chunk,
    CycleSpan,
    Floats,
    Ints,
    Records,
    Scratch,
    SectionNet,
    Sources,
)
from hanami_plugins.networks_section.section_memory import SectionMemory
from hanami_plugins.networks_section.section_reference import ReferenceNetwork
from hanami_plugins.networks_section.section_rules import SectionRules
from hanami_plugins.networks_section.section_settings import SectionSettings
from hanami_plugins.networks_section.snapshot import QuadAnswers, Snapshot
from hanami_plugins.networks_section.stream_network import StreamNetwork
from hanami_plugins.networks_section.tables import check_rows, is_one_hot, one_hot_outputs
from hanami_plugins.networks_section.weights import share_of, steps_and_shares, steps_of

__all__ = [
    "ACCURACY",
    "ALLOCATE_ROWS",
    "AVERAGE",
    "AVERAGE_PERIOD",
    "BATCH",
    "BROKEN",
    "BYTES",
    "CHUNK",
    "CHUNK_FAILURES",
    "CHUNK_STEPS",
    "CONFIDENT",
    "COUNTS",
    "DONE",
    "ENERGY_BASE",
    "ENERGY_HIGH",
    "ENERGY_LOW",
    "FAILURE",
    "FAILURE_DECAY",
    "FARTHEST",
    "FLOATS",
    "FULL",
    "GOLDEN",
    "GRADED_FACTOR",
    "LANES",
    "LARGEST",
    "LAST_RATE",
    "LEARNED",
    "LOSS",
    "MAX_INPUTS",
    "MAX_OUTPUTS",
    "ONE",
    "OVERSUBSCRIBED",
    "RAISE_BORDERS",
    "SCORED",
    "SCORE_DECAY",
    "SEGMENT",
    "SMOOTHING",
    "SOFTMAX",
    "STATUS",
    "STATUS_CYCLE",
    "STATUS_GROWTH",
    "STATUS_WAITS",
    "STREAM_RATE",
    "TILE",
    "WIDTH",
    "WRONG",
    "ZERO",
    "Answers",
    "Chunk",
    "CycleSpan",
    "DeepAnswers",
    "DeepInputs",
    "DeepMemory",
    "DeepNet",
    "DeepReference",
    "DeepScratch",
    "Floats",
    "Ints",
    "NetworkMemory",
    "QuadAnswers",
    "Ranges",
    "Records",
    "ReferenceNetwork",
    "Scratch",
    "SectionExtra",
    "SectionMemory",
    "SectionNet",
    "SectionRules",
    "SectionSettings",
    "Snapshot",
    "Sources",
    "StreamNetwork",
    "aligned",
    "average_of",
    "average_share",
    "blocks_of",
    "check_rows",
    "chosen",
    "deep_layout",
    "deep_memory",
    "first_rate",
    "fitted",
    "initial",
    "is_deep",
    "is_one_hot",
    "lane_starts",
    "one_hot_outputs",
    "ranges",
    "reference_of",
    "resized",
    "section_memory",
    "share_of",
    "slice_length",
    "snapshot",
    "starts",
    "steps_and_shares",
    "steps_of",
    "weights",
    "with_limits",
]

if not TYPE_CHECKING:  # so that mistyped names are still found
    __getattr__ = former_names(
        __name__,
        "0.1",
        {
            "BIRTHS": "ALLOCATE_ROWS",
            "BORDERS": "RAISE_BORDERS",
            "CROWDED": "OVERSUBSCRIBED",
        },
    )
