"""``hanami serve``."""

from __future__ import annotations

from collections.abc import Sequence

from hanami_server.commands import common

USAGE = """
Run the server until it is stopped.

Usage:
    hanami serve [options] [--set PAIR]...

Options:
    --data-dir DIR     data directory (default: $HANAMI_DATA_DIR, else ./hanami-data)
    --plugins-dir DIR  folder with single-file plugins (default: $HANAMI_PLUGINS_DIR)
    --host ADDRESS     address to listen on (setting http.host)
    --port PORT        port to listen on (setting http.port); 0 picks a free one
    --set PAIR         set any setting, as NAME=VALUE; 'hanami config' lists them
    -h --help          show this text
"""


def run(argv: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    arguments = common.parse(USAGE, "serve", argv)
    common.use_plugins_dir(arguments)
    given = common.flags(arguments["--set"])
    for option in ("host", "port"):
        if arguments[f"--{option}"] is not None:
            given[f"http.{option}"] = arguments[f"--{option}"]

    def work() -> int:
        from hanami_server.supervisor import serve

        return serve(common.data_dir(arguments), given)

    return common.guarded(work)
