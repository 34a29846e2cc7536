"""What people write on datasets, clusters and checkpoints, on the command line. Must not know which noun it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanami_cli.arguments import Arguments
from hanami_cli.text import Verbatim

__all__ = ["LABELS", "labels_of", "shown_labels"]

LABELS = ("about", "tags")
"""Fields of an answer, which a server of OpenHanami does not have."""


def labels_of(arguments: Arguments) -> dict[str, Any]:
    """Return the labels that a command line sets."""
    tags = arguments.optional("--tags")
    found = {
        "name": arguments.optional("--rename"),
        "about": arguments.optional("--about"),
        "tags": None if tags is None else [tag.strip() for tag in tags.split(",") if tag.strip()],
    }
    return {name: value for name, value in found.items() if value is not None}


def shown_labels(answer: Mapping[str, Any]) -> dict[str, object]:
    """Return an answer with its labels as tables show them."""
    told = {"about": Verbatim.of(str(answer.get("about", "")).split("\n")), "tags": ", ".join(answer.get("tags", ()))}
    return {**answer, **{name: told[name] for name in LABELS if name in answer}}
