"""Loads plugins one by one, calls each hook implementation on its own, and applies the hooks' failure policies.

`loader` finds and imports plugins, `hooks` knows who implements what, `lifecycle` owns their states, `calls` has one
typed method for each hook.
"""

from hanami_core.plugin_host.calls import PluginHost
from hanami_core.plugin_host.loader import (
    OWN_DISTRIBUTION,
    Declared,
    EntryPoint,
    declared,
    installed_plugins,
    read_disabled,
    write_disabled,
)
from hanami_core.plugin_host.plugin import Contribution, Plugin, PluginState, Registry

__all__ = [
    "OWN_DISTRIBUTION",
    "Contribution",
    "Declared",
    "EntryPoint",
    "Plugin",
    "PluginHost",
    "PluginState",
    "Registry",
    "declared",
    "installed_plugins",
    "read_disabled",
    "write_disabled",
]
