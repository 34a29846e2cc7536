"""``hanami demo``: the main job in one command, on a temporary private server."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hanami_core.errors import HanamiError
from hanami_server.commands import common

if TYPE_CHECKING:
    from rich.progress import TaskID

    from hanami_server.demo.scenario import DemoResult, Progress
    from hanami_server.local import LocalServer

USAGE = """
Show what Hanami does: start a private server, upload handwritten digits, and train a network on them.

Usage:
    hanami demo [--json] [--data DIR] [--epochs N] [--keep]

Options:
    --json      print one line of JSON and nothing else
    --data DIR  directory with the four MNIST files (idx, plain or .gz); default: a sample of 5,000 training and
                1,000 test digits
    --epochs N  passes over the training digits (default: 1 with --data, 8 for the sample)
    --keep      leave the server running until Ctrl-C
    -h --help   show this text
"""


def run(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    arguments = common.parse(USAGE, "demo", argv)
    # Either signal ends the server too, also where the demonstration was started with interrupts ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    return common.guarded(lambda: _demo(arguments))


def _demo(arguments: common.Arguments) -> int:
    from hanami_sdk import Client
    from hanami_sdk.hanami_exceptions import HanamiException
    from hanami_server.demo import digits, scenario
    from hanami_server.local import LocalServer

    quiet = bool(arguments["--json"])
    epochs = _epochs(arguments)
    given = arguments["--data"]
    files = digits.find(Path(given) if given else digits.SAMPLE)
    template = scenario.TEMPLATE if given else scenario.WIDE_TEMPLATE
    with tempfile.TemporaryDirectory(prefix="hanami-demo-") as directory:
        _say(quiet, "starting a private server …")
        with LocalServer(Path(directory) / "data") as server:
            _say(quiet, f"ready after {server.ready_seconds:.1f} s at {server.address}")
            try:
                with Client(server.address, server.user, server.passphrase) as client, _progress(quiet) as progress:
                    result = scenario.run(client, files, epochs, progress, template)
            except HanamiException as error:
                raise HanamiError(str(error)) from error
            _print_json(result) if quiet else _tell(result)
            _keep(server, quiet) if arguments["--keep"] else _next_steps(quiet)
    return 0


def _epochs(arguments: common.Arguments) -> int:
    text = arguments["--epochs"] or ("1" if arguments["--data"] else "8")
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise HanamiError(f"--epochs must be a number from 1 to 1000, not '{text}'")
    return int(text)


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        print(text, flush=True)


class _progress:  # noqa: N801 - used like a function
    """Shows one bar for each thing that is being done."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        text = TextColumn("{task.description:<18}")
        console = Console(quiet=quiet)
        self._bars = Progress(text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
        self._ids: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def _show(self, title: str, done: int, total: int) -> None:
        if title not in self._ids:
            self._ids[title] = self._bars.add_task(title)
        self._bars.update(self._ids[title], completed=done, total=total)


def _print_json(result: DemoResult) -> None:
    names = ("accuracy", "train_seconds", "request_seconds", "direct_io_ms_p50")
    print(json.dumps({name: round(getattr(result, name), 4) for name in names}))


def _tell(result: DemoResult) -> None:
    from hanami_server.demo.digits import draw

    pictures = [draw(pixels) for pixels, _, _ in result.samples]
    print()
    for line in zip(*pictures, strict=True):
        print("  ".join(line).rstrip())
    captions = [
        f"label {right}, predicted {answer} {'✓' if right == answer else '✗'}" for _, right, answer in result.samples
    ]
    print("  ".join(caption.center(28) for caption in captions).rstrip())
    print()
    print(f"accuracy on unseen digits         {result.accuracy:6.2f} %")
    print(f"training                          {result.train_seconds:6.2f} s")
    print(f"inference                         {result.request_seconds:6.2f} s")
    print(f"direct IO round trip, one digit   {result.direct_io_ms_p50:6.2f} ms (median)")


def _keep(server: LocalServer, quiet: bool) -> None:
    out = sys.stderr if quiet else sys.stdout
    print("\nThe server keeps running until Ctrl-C. Use it from another terminal:\n", file=out)
    print(f"  export HANAMI_ADDRESS={server.address}", file=out)
    print(f"  export HANAMI_USER={server.user} HANAMI_PASSPHRASE={server.passphrase}", file=out)
    print("  hanamictl cluster list", file=out, flush=True)
    server.wait()


def _next_steps(quiet: bool) -> None:
    _say(quiet, "\nWhat to try next:")
    _say(quiet, "  hanami demo --keep            run the demo and keep the server running")
    _say(quiet, "  hanami init --help            set up your own server")
    _say(quiet, "  hanamictl --help              see what users can do with it")
