"""The commands of `hanami` that come with the server.

Each is a module with a usage text and a `run`; nothing is imported before its command is called.
"""

from __future__ import annotations

from hanami_cli import Command, hookimpl

__all__ = ["hanami_cli_commands"]


def _init(argv: list[str]) -> int:
    from hanami_server.commands.init import run

    return run(argv)


def _serve(argv: list[str]) -> int:
    from hanami_server.commands.serve import run

    return run(argv)


def _config(argv: list[str]) -> int:
    from hanami_server.commands.config import run

    return run(argv)


def _plugins(argv: list[str]) -> int:
    from hanami_server.commands.plugins import run

    return run(argv)


def _doctor(argv: list[str]) -> int:
    from hanami_server.commands.doctor import run

    return run(argv)


def _demo(argv: list[str]) -> int:
    from hanami_server.demo import run

    return run(argv)


@hookimpl
def hanami_cli_commands() -> list[Command]:
    """Offer the commands of the server."""
    return [
        Command("hanami", "init", "create a data directory and its first admin", _init),
        Command("hanami", "serve", "run the server", _serve),
        Command("hanami", "config", "show all settings and where they come from", _config),
        Command("hanami", "plugins", "list, enable and disable plugins", _plugins),
        Command("hanami", "doctor", "check all stored data", _doctor),
        Command("hanami", "demo", "run a demonstration on a private server", _demo),
    ]
