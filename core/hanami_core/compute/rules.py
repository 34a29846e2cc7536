"""Which rule set runs a template on a kind of host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hanami_core.compute.networks import NetworkRules
from hanami_core.errors import BadRequest, PluginError
from hanami_core.network import Template
from hanami_core.network.declared import NAME, Declarations, Declared, declared

__all__ = ["choose", "declarations", "key_of"]


def key_of(rules: NetworkRules) -> tuple[str, str]:
    """Return the name of a rule set and the kind of its hosts, which it shares with no other one.

    Raises:
        PluginError: if a template cannot name the rule set, or cannot spell one of its settings.
    """
    if not NAME.fullmatch(rules.name):
        raise PluginError(f"a rule set is named by letters, digits and '_', not '{rules.name}'")
    declared(rules.settings)
    return rules.name, rules.host_kind


def declarations(rule_sets: Iterable[NetworkRules]) -> Declarations:
    """Return the settings that rule sets declare."""
    return Declarations((rules.name, rules.settings) for rules in rule_sets)


def choose(rule_sets: Mapping[tuple[str, str], NetworkRules], template: Template, host_kind: str) -> NetworkRules:
    """Return the rule set that runs a template on a kind of host.

    A template that names its growth gets exactly that; else the first rule set that does not refuse it.

    Raises:
        BadRequest: with every rule set's reason, if none runs it.
    """
    wanted = template.settings.growth
    reasons = []
    for (name, kind), rules in rule_sets.items():
        if kind != host_kind or wanted not in (None, name):
            continue
        reason = _refused_setting(template, declared(rules.settings)) or rules.refuses(template)
        if reason is None:
            return rules
        reasons.append(f"growth '{name}': {reason}")
    if not reasons:
        reasons.append(f"no installed plugin has rules for growth '{wanted or 'any'}' on a host of type {host_kind}")
    raise BadRequest("\n".join(reasons))


def _refused_setting(template: Template, known: Mapping[str, Declared]) -> str | None:
    for name, value in template.settings.own.items():
        if name not in known:
            return f"there is no setting '{name}', known are: {', '.join(known) or 'the common ones'}"
        wrong = known[name].mistyped(value) or known[name].outside(value)
        if wrong is not None:
            return wrong
    return None
