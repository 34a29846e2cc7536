"""Leases of clusters and datasets, as tables show them. Must not know which noun it is."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LEASE", "known_lease"]

LEASE = ("lease", "lease_left")
"""Fields of an answer, in seconds, which a server of OpenHanami does not have."""


def known_lease(answer: Mapping[str, object]) -> list[str]:
    """Return the fields of a lease that are worth showing: those of a thing that has one."""
    return [name for name in LEASE if answer.get(name) is not None]
