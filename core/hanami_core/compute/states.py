"""What rule sets can say of stored networks without a host: are they sound, who wrote them, what do they compute.

All of it is optional; a rule set says nothing of it until it has the members of these protocols.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from hanami_core.compute.networks import NetworkRules
from hanami_core.errors import Unprocessable
from hanami_core.network import NetworkState
from hanami_core.network.formula import Formula

__all__ = ["FIRST", "ChecksStates", "HasFormula", "HasVersion", "check_state", "formula_of", "version_of"]

FIRST = 1
"""Version of the states of a rule set that does not tell one."""


@runtime_checkable
class HasVersion(Protocol):
    """A rule set whose state format has changed since its first release."""

    @property
    def version(self) -> int:
        """Version of the states that it writes, greater than before whenever older code would misread them.

        It reads all earlier ones.
        """


@runtime_checkable
class ChecksStates(Protocol):
    """A rule set that can check without a compute library whether a state is valid for it."""

    def check(self, state: NetworkState) -> None:
        """Check everything that `NetworkRules.open` checks.

        Raises:
            CorruptFile: if sizes or index ranges of the arrays contradict the head.
        """


@runtime_checkable
class HasFormula(Protocol):
    """A rule set whose networks compute with operations that every library has."""

    def formula(self, state: NetworkState) -> Formula:
        """Return the formula of an undamaged network: it computes what `LiveNetwork.request` answers, to within 1e-5.

        Raises:
            Unprocessable: ``network_without_formula``, if there is no such formula; the parameter ``reason`` says why.
        """


def version_of(rules: NetworkRules) -> int:
    """Return the version of the states that a rule set writes."""
    return int(rules.version) if isinstance(rules, HasVersion) else FIRST


def check_state(rules: NetworkRules, state: NetworkState) -> None:
    """Have a rule set look at a state, if it can; what it does not find, it finds when the state is opened.

    Raises:
        CorruptFile: if the state is not one of the rule set.
    """
    if isinstance(rules, ChecksStates):
        rules.check(state)


def formula_of(rule_sets: Iterable[NetworkRules], state: NetworkState) -> Formula:
    """Return what a network answers.

    Args:
        rule_sets: all that are installed.
        state: the network, which `check_state` accepts.

    Raises:
        Unprocessable: if none of its rule sets can say it.
    """
    able = {found.name: found for found in rule_sets if isinstance(found, HasFormula)}
    if state.head.rules not in able:
        known = ", ".join(sorted(able)) or "none"
        reason = f"it grows by '{state.head.rules}', only these growths can be exported: {known}"
        raise Unprocessable("network_without_formula", reason=reason)
    if not state.head.outputs:
        raise Unprocessable("network_without_formula", reason="it was never trained")
    return able[state.head.rules].formula(state)
