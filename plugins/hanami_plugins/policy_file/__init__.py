"""Which role may call which endpoint: from a policy file, or, without one, as the routes suggest.

Speaks about actions only. Which rows somebody sees, and what only a global admin may do, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from hanami_core import hookimpl
from hanami_core.access import ACCESS_DENIED, ANY_ROLE, Action, Actor, Rule
from hanami_core.errors import StartupError
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_core.stash import StashKey
from hanami_plugins.policy_file.policy import Policy, PolicyError, parse_policy

__all__ = ["Policy", "PolicyError", "parse_policy"]

essential = True

POLICY: StashKey[Policy | None] = StashKey("policy_file.policy")


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare where the policy file is."""
    text = "Policy file, relative to the data directory; without one each route's own roles count"
    return [Setting("policy_file.path", str, "", text)]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Read the policy file."""
    path = runtime.settings["policy_file.path"]
    runtime.stash[POLICY] = _read(runtime.settings.data_dir / path) if path else None


@hookimpl
def hanami_access_rules(runtime: Runtime, actor: Actor, action: Action) -> list[Rule]:
    """Allow an action to the listed roles and to nobody else."""
    if action.resource is not None:
        return []
    roles = _roles(runtime.stash[POLICY], action)
    return [Rule(True) if actor.role in roles or ANY_ROLE in roles else Rule(False, ACCESS_DENIED)]


def _roles(policy: Policy | None, action: Action) -> Collection[str]:
    # A file lists endpoints, so it cannot say anything about what has none.
    if policy is None or not action.endpoint:
        return action.roles
    return policy.roles(action.endpoint, action.method)


def _read(file: Path) -> Policy:
    try:
        return parse_policy(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{file}: {error}") from error
    except PolicyError as error:
        raise StartupError(f"{file}: {error}") from error
