"""The command line programs of Hanami: `hanamictl` for users, `hanami` for operators.

Owns what plugin authors import: `Command` and the marker `hookimpl`. Must not know the server, its core, its plugins:
all that is done here is done over the wire or by a plugin's own command.
"""

from hanami_cli.commands import Command, hookimpl

__all__ = ["Command", "hookimpl"]
