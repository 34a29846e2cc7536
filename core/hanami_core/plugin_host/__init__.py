"""Loads plugins one by one, calls each hook implementation on its own, and applies the hooks' failure policies.

`entry_points` finds plugins, `loader` looks at their modules, `conformity` at what they return, `hooks` knows who
implements what, `lifecycle` owns their states, `calls` has one typed method for each hook.
"""

from hanami_core.plugin_host.calls import PluginHost
from hanami_core.plugin_host.conformity import location
from hanami_core.plugin_host.entry_points import (
    OWN_DISTRIBUTION,
    EntryPoint,
    importable,
    installed_plugins,
    read_disabled,
    write_disabled,
)
from hanami_core.plugin_host.loader import DeclaredModule, declared
from hanami_core.plugin_host.plugin import Contribution, Plugin, PluginState, Registry

__all__ = [
    "OWN_DISTRIBUTION",
    "Contribution",
    "DeclaredModule",
    "EntryPoint",
    "Plugin",
    "PluginHost",
    "PluginState",
    "Registry",
    "declared",
    "importable",
    "installed_plugins",
    "location",
    "read_disabled",
    "write_disabled",
]
