"""Contracts of Hanami: what plugins and the server agree on. No feature lives here.

A plugin is a module that is registered in the entry-point group ``hanami.plugins`` and marks its hooks with
`hookimpl`. The hooks are listed and explained in `hanami_core.hookspecs`; with `hookspec` a plugin marks hooks of its
own, which other plugins may implement.
"""

import pluggy

__all__ = ["hookimpl", "hookspec"]

hookimpl = pluggy.HookimplMarker("hanami")
hookspec = pluggy.HookspecMarker("hanami")
