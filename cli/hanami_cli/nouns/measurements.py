"""`hanamictl measurements`.

Owns the commands for what the machine of the server does over time. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.errors import CliError, UsageError
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, View
from hanami_sdk import measurements

__all__ = ["HELP", "run"]

HELP = f"""
Measurements show power, temperature and clock speed of the server's processors over time.

Usage:
    hanamictl measurements power [--span SPAN] [options]
    hanamictl measurements temperature [--span SPAN] [options]
    hanamictl measurements speed [--span SPAN] [options]

Without --span, there is one line for each time span, with the mean, the minimum and the maximum of its values. Times
without a measurement, such as when the server was down, do not count. Many virtual machines have no sensors.

Options:
    --span SPAN    show the values of one span, newest first: seconds (60), minutes (60), hours (24) or days (365)
{COMMON_OPTIONS}
Examples:
    hanamictl measurements power
    hanamictl measurements speed --span minutes --output csv
"""

SPANS = ("seconds", "minutes", "hours", "days")
SUMMARY = ("span", "values", "newest", "mean", "lowest", "highest", "unit")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `measurements`."""
    actions = {
        "power": partial(_measured, measurements.get_power_consumption, "power", "W"),
        "temperature": partial(_measured, measurements.get_temperature_production, "temperature", "°C"),
        "speed": partial(_measured, measurements.get_speed, "current_speed", "MHz"),
    }
    return run_noun(HELP, actions, argv)


def _measured(
    function: Callable[..., bytes], key: str, unit: str, connection: Connection, arguments: Arguments
) -> View:
    span = arguments.optional("--span")
    if span is not None and span not in SPANS:
        raise UsageError(f'invalid argument "{span}" for "--span": use {", ".join(SPANS)}')
    answer = connection.ask(function)
    if span is not None:
        return Listing(answer, (f"{span}_ago", "value", "unit"), _single(_values(answer, key, span), unit))
    return Listing(answer, SUMMARY, [_summary(name, _values(answer, key, name), unit) for name in SPANS])


def _values(answer: Mapping[str, Any], key: str, span: str) -> list[float]:
    try:
        return [float(value) for value in answer[key][span]]
    except (KeyError, TypeError, ValueError) as error:
        raise CliError(f"unexpected answer of the server: no numbers in '{key}' '{span}'") from error


def _single(values: Sequence[float], unit: str) -> list[list[object]]:
    return [[ago, _rounded(value), unit] for ago, value in enumerate(reversed(values)) if value]


def _summary(span: str, values: Sequence[float], unit: str) -> list[object]:
    known = [value for value in values if value]
    if not known:
        return [span, 0, "-", "-", "-", "-", unit]
    return [span, len(known), *map(_rounded, (known[-1], fmean(known), min(known), max(known))), unit]


def _rounded(value: float) -> float:
    return round(value, 2)
