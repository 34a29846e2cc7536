"""A real server, and what tests of the service know about it."""

from __future__ import annotations

from tests.service.conftest import small_digits, wire

__all__ = ["small_digits", "wire"]
