"""A real server, and what tests of the service know about it."""

from __future__ import annotations

import os

from tests.service.conftest import small_digits, wire

__all__ = ["small_digits", "wire"]

LONG = ("f01_killed_uploads", "f02_killed_checkpoints", "f03_killed_trainings", "f04_killed_processes")
LONG += ("f05_power_cuts", "f24_conflicting_calls", "f30_killed_starts")
"""Campaigns that take a minute each; `python -m tests.faults` says how long and runs them, the usual suite does not."""

collect_ignore = [] if "HANAMI_FAULT_SHARE" in os.environ else [f"test_{name}.py" for name in LONG]
