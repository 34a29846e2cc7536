"""Hosts: the CPUs and GPUs that carry clusters."""

from __future__ import annotations

from hanami_sdk import hosts
from hanami_sdk.v04._generation import shared

__all__ = ["list_hosts"]

list_hosts = shared(hosts.list_hosts)
