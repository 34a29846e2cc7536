"""The trainings that made a cluster or a checkpoint, as tables show them. Must not know how they were fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanami_cli.text import Verbatim, one_line

__all__ = ["lessons"]


def lessons(answer: Mapping[str, Any]) -> Verbatim:
    """Return the trainings of a cluster or a checkpoint, one a line: when, by which task, and with what."""
    return Verbatim.of(map(_lesson, answer.get("trainings") or ()))


def _lesson(training: Mapping[str, Any]) -> str:
    names = ", ".join(dict.fromkeys(one["name"] for one in training["datasets"]))
    state = "" if training["state"] == "finished" else f" {training['state']}"
    where = " (imported)" if training.get("imported") else ""
    learned = f"{training['rows']} rows of {names}, {training['ended_at']}"
    return one_line(f"{training['number']}. {training['name']}{state}{where}: {learned}")
