"""Waiting for the end of a task, whatever made it.

Owns how often the server is asked and what counts as an end. Must not know what tasks do.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep
from typing import Any

from hanami_cli.connection import Connection
from hanami_cli.errors import CliError
from hanami_cli.progress import Report, progress
from hanami_cli.text import one_line
from hanami_sdk import task

__all__ = ["wait_for_task"]

UNFINISHED_STATES = ("queued", "active")
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two questions whether a task has ended


def wait_for_task(connection: Connection, uuid: str, cluster_uuid: str) -> dict[str, object]:
    """Return the task as soon as it is finished, and show its progress meanwhile.

    Raises:
        CliError: the task ended in any other way, or as `Connection.ask`.
    """
    pause = FIRST_PAUSE
    with progress() as report:
        while _report(report, answer := connection.ask(task.get_task, uuid, cluster_uuid)) in UNFINISHED_STATES:
            sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
    if answer.get("state") != "finished":
        reason = f": {answer['error']}" if answer.get("error") else ""
        raise CliError(one_line(f"task '{uuid}' ended in the state '{answer.get('state')}'{reason}"))
    return answer


def _report(report: Report, answer: Mapping[str, Any]) -> str:
    """Show how far a task has come, and return its state."""
    state = one_line(str(answer.get("state")))
    report(state, int(answer.get("current_cycle") or 0), int(answer.get("total_number_of_cycles") or 0))
    return state
