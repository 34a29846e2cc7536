"""The reference of the command line is what the help texts say. `python -m tests.cli.test_cli_reference` writes it."""

from importlib import import_module
from pathlib import Path

from hanami_cli import completion
from hanami_cli.arguments import COMMON_OPTIONS
from hanami_cli.errors import CliError, UsageError
from hanami_cli.hanamictl import LOCAL, NOUNS
from hanami_cli.program import INTERRUPTED, PIPE_CLOSED
from hanami_cli.usage import lines_of

FILE = Path(__file__).parents[2] / "docs" / "cli.md"

EXIT_CODES = {
    0: "success; also for `--help`",
    CliError.exit_code: "the server refused or could not be reached, or a local file or variable is wrong",
    UsageError.exit_code: "the command line is invalid; nothing was sent",
    INTERRUPTED: "interrupted with Ctrl-C",
    PIPE_CLOSED: "broken pipe: the reader of the output is gone",
}


def render():
    """Return the page."""
    helps = {noun: import_module(f"hanami_cli.nouns.{noun}").HELP for noun in NOUNS} | {"completion": completion.HELP}
    lines = [
        "# Command line",
        "",
        "All `hanamictl` commands, generated from their help texts. The tutorial is the [user guide](user_guide.md).",
        "The program for operators, `hanami`, is described in the [operations guide](operations.md).",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()),
        "",
        "Results go to standard output. Errors, one line each, go to standard error, and so does the",
        "progress of uploads and tasks.",
        "",
        "## All commands",
        "",
        *block(COMMON_OPTIONS),
    ]
    for noun, text in helps.items():
        lines += [f"## `hanamictl {noun}`", "", (NOUNS | LOCAL)[noun].capitalize() + ".", "", *block(own(text))]
    return "\n".join(lines).rstrip("\n") + "\n"


def own(text):
    """Return a help text without what all nouns share."""
    return text.replace(COMMON_OPTIONS, "")


def block(text):
    return ["```text", *text.strip("\n").splitlines(), "```", ""]


def test_the_reference_is_up_to_date():
    assert FILE.read_text() == render()


def test_every_command_stands_in_it():
    page = " ".join(FILE.read_text().split())
    for noun in NOUNS:
        for line in lines_of(import_module(f"hanami_cli.nouns.{noun}").HELP):
            assert line.text in page


if __name__ == "__main__":
    FILE.write_text(render())
