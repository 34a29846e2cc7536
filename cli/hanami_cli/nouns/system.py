"""`hanamictl system`.

Owns the commands for the machine of the server and for the threads that run there. Must not know the wire, which is the
SDK's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.errors import CliError
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, Record, View
from hanami_sdk import measurements

__all__ = ["HELP", "run"]

HELP = f"""
Hardware of the server, and its threads.

Usage:
    hanamictl system info [options]
    hanamictl system threading [options]

`info` counts processors and cores; -j shows each core. Power is in W, speed in MHz, 0 if unknown.
`threading` shows the logical processors that each thread may run on.
{COMMON_OPTIONS}
Examples:
    hanamictl system info
    hanamictl system threading --output csv
"""

FIELDS = (
    "hostname",
    "has_hyperthreading",
    "packages",
    "cores",
    "threads",
    "thermal_spec",
    "power",
    "current_speed",
    "maximum_speed",
)


def run(argv: list[str]) -> int:
    """Run one command line for the noun `system`."""
    return run_noun(HELP, {"info": _info, "threading": _threading}, argv)


def _info(connection: Connection, _: Arguments) -> View:
    answer = connection.ask(measurements.get_system_info)
    try:
        return Record(answer, FIELDS, _summary(answer["info"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CliError("unexpected answer of the server: no machine in 'info'") from error


def _summary(machine: Mapping[str, Any]) -> dict[str, object]:
    packages = machine["packages"]
    cores = [core for package in packages for core in package["cores"]]
    return {
        "hostname": machine["hostname"],
        "has_hyperthreading": machine["has_hyperthreading"],
        "packages": len(packages),
        "cores": len(cores),
        "threads": sum(len(core["threads"]) for core in cores),
        "thermal_spec": sum(package["thermal_spec"] for package in packages),
        "power": sum(package["power"] for package in packages),
        "current_speed": max((core["current_speed"] / 1000 for core in cores), default=0),
        "maximum_speed": max((core["maximum_speed"] / 1000 for core in cores), default=0),
    }


def _threading(connection: Connection, _: Arguments) -> View:
    answer = connection.ask(measurements.get_threading)
    threads = answer.get("thread_map")
    if not isinstance(threads, dict):
        raise CliError("unexpected answer of the server: no threads in 'thread_map'")
    return Listing(answer, ("thread", "processors"), sorted(threads.items()))
