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
    0: "done; also after `--help`",
    CliError.exit_code: "the server refused, could not be reached, or a file or variable stands in the way",
    UsageError.exit_code: "the command line is wrong; nothing was sent",
    INTERRUPTED: "interrupted with Ctrl-C",
    PIPE_CLOSED: "whoever read the output went away",
}


def render():
    """Return the page."""
    helps = {noun: import_module(f"hanami_cli.nouns.{noun}").HELP for noun in NOUNS} | {"completion": completion.HELP}
    lines = [
        "# Command line",
        "",
        "The reference of `hanamictl`, made from its help texts; the [user guide](user_guide.md) tells the story. The",
        "programs of operators stand in the [operations guide](operations.md).",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()),
        "",
        "What was asked for goes to standard output, everything else to standard error: one line of what went wrong,",
        "and the progress of uploads and tasks.",
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
