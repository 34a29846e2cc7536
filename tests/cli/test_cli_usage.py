"""Every usage line of every noun, in every order of its parts, and what is said about lines that do not fit."""

import re
from importlib import import_module
from itertools import chain

import pytest

from hanami_cli import nouns
from hanami_cli.arguments import parse
from hanami_cli.errors import UsageError
from hanami_cli.hanamictl import NOUNS, SWITCHES, main
from hanami_cli.usage import Line, complaint, flags_of, lines_of
from tests.cli.test_cli_reference import EXIT_CODES
from tests.lengths import choose

HELPS = {noun: import_module(f"hanami_cli.nouns.{noun}").HELP for noun in NOUNS}
LINES = [pytest.param(noun, line, id=" ".join(line.words)) for noun in NOUNS for line in lines_of(HELPS[noun])]


def value_of(flag):
    return {"time": "3", "rows": "10", "offset": "100", "output": "d:c:h"}.get(flag.name, f"a {flag.name}")


def spellings(text, flag):
    """Return an option in each way in which it can be written."""
    value, names = value_of(flag), [name for name, known in flags_of(text).items() if known == flag]
    for name in names:
        if not flag.takes_value:
            yield [name]
        elif name.startswith("--"):
            yield from ([name, value], [f"{name}={value}"])
        else:
            yield from ([name, value], [name + value], [f"{name}={value}"])


def arrangements(text, line):
    """Return the line with its required options behind, before and between the words, in all spellings."""
    words = [*line.words, *(f"the-{name}" for name in line.arguments)]
    for place in range(choose(2, 5)):
        variants = [list(spellings(text, flag)) for flag in line.required]
        options = list(chain.from_iterable(variant[place % len(variant)] for variant in variants))
        yield [*words, *options]
        yield [*options, *words]
        yield [*words[:1], *options, *words[1:], "-j"]
        yield ["--insecure", *words[:-1], *options, words[-1], "--output", "csv"]


@pytest.mark.parametrize(("noun", "line"), LINES)
def test_usage_line_fits_in_any_order(noun, line):
    for argv in arrangements(HELPS[noun], line):
        arguments = parse(HELPS[noun], argv)
        assert arguments.words() == set(line.words), argv
        assert {name: arguments.text(name) for name in line.arguments} == {
            name: f"the-{name}" for name in line.arguments
        }
        for flag in line.required:
            given = arguments.values[f"--{flag.name}"]
            assert given == ([value_of(flag)] if flag in line.repeatable else value_of(flag)), argv


@pytest.mark.parametrize(("noun", "line"), LINES)
def test_usage_line_has_an_action_and_only_one(noun, line, monkeypatch):
    chosen = []
    module = import_module(f"hanami_cli.nouns.{noun}")
    monkeypatch.setattr(module, "run_noun", lambda text, actions, argv: chosen.append(actions))
    module.run([])
    assert " ".join(line.words[1:]) in chosen[0]
    assert len(chosen[0]) == len(lines_of(HELPS[noun]))


@pytest.mark.parametrize(("noun", "line"), LINES)
def test_a_missing_argument_is_counted(noun, line, capsys):
    assert main([*line.words, *["x"] * (line.most + 1)]) == 2
    assert f"Error: accepts {line.accepted} arg(s), received {line.most + 1}" in capsys.readouterr().err


@pytest.mark.parametrize(("noun", "line"), [entry for entry in LINES if entry.values[1].required])
def test_all_missing_options_are_named(noun, line, capsys):
    assert main([*line.words, *["x"] * len(line.arguments)]) == 2
    names = ", ".join(f'"{flag.name}"' for flag in line.required)
    assert capsys.readouterr().err == (
        f"Error: required flag(s) {names} not set\nUsage: {line.text}\nSee 'hanamictl {noun} --help'.\n"
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("usr list", 'unknown command "usr" for "hanamictl", did you mean "user"?'),
        ("meas speed", 'unknown command "meas" for "hanamictl", did you mean "measurements"?'),
        ("xyzzy", 'unknown command "xyzzy" for "hanamictl"'),
        ("user lst", 'unknown command "lst" for "hanamictl user", did you mean "list"?'),
        ("-j user --insecure lst", 'unknown command "lst" for "hanamictl user", did you mean "list"?'),
        ("task create trian x", 'unknown command "trian" for "hanamictl task create", did you mean "train"?'),
        ("user list --fast", "unknown flag: --fast"),
        ("user list --jsn_output", 'unknown flag: --jsn_output, did you mean "--json_output"?'),
        ("--fast", "unknown flag: --fast"),
        ("user list -x", "unknown shorthand flag: 'x' in -x"),
        ("user list -jx", "unknown shorthand flag: 'x' in -jx"),
        ("user create x -n", "flag needs an argument: 'n' in -n"),
        ("user create x --name", "flag needs an argument: --name"),
        ("user list --insecure=1", "flag takes no value: --insecure"),
        ("user get x -n y", "unknown flag: --name"),
        ("user create x -n a -n b", "flag given more than once: --name"),
        ("user list -j -j", "flag given more than once: --json_output"),
        ("user list --output xml", 'invalid argument "xml" for "--output": use table, json, csv'),
        ("user list --output=xml", 'invalid argument "xml" for "--output": use table, json, csv'),
        ("user list --timeout soon", 'invalid argument "soon" for "--timeout": not a number of seconds'),
        ("user list --timeout 0", 'invalid argument "0" for "--timeout": not a number of seconds'),
        ("user list --timeout nan", 'invalid argument "nan" for "--timeout": not a number of seconds'),
        ("dataset create", "accepts 2 arg(s), received 0"),
        ("dataset create mnist x -i /dev/null", 'required flag(s) "label" not set'),
        ("dataset create csv x -i /dev/null -l /dev/null", "the format csv has no part 'label'"),
        ("dataset create own x -i /dev/null --part y", 'invalid argument "y" for "--part": use PART=PATH'),
        ("dataset content x -c y -n many", 'invalid argument "many" for "--rows": not a whole number'),
        ("completion tcsh", 'unknown command "tcsh" for "hanamictl completion"'),
        ("logs audit --page first", 'invalid argument "first" for "--page": not a whole number'),
        ("cluster direct x -v 1,2", 'invalid argument "1,2" for "--values": use HEXAGON=NUMBERS or HEXAGON=@PATH'),
        ("cluster direct x -v in=1,a", "invalid argument for \"--values\": in: could not convert string to float: 'a'"),
        ("cluster mode x WILD", 'invalid argument "WILD" for MODE: use TASK or DIRECT'),
        ("task create train x -c c -i abc -o a:b:c", "Required separators ':' are missing in 'abc'"),
        ("task create train x -c c -i a:b -o a:b:c", "Invalid format before or after ':' in 'a:b'"),
        ("task create train x -c c -i a:b,a:c -o d:e", "'a' is given twice"),
        ("task create train x -c c -i a:b -o a:", "Invalid format before or after ':' in 'a:b'"),
        ("measurements speed --span weeks", 'invalid argument "weeks" for "--span": use seconds, minutes, hours, days'),
        ("user get x --password y", "unknown flag: --passphrase"),
        ("user create x -n y -p z --password z", "flag given more than once: --passphrase"),
        (
            "user create x -n y -p z --passphrase-file z",
            "only one of these flags may be given: --passphrase, --passphrase-file",
        ),
        ("--insecrue", 'unknown flag: --insecrue, did you mean "--insecure"?'),
        ("task create train x -c c -i a:b:c,d::f -o a:b:c", "Invalid format before or after ':' in 'd::f'"),
        ("task create request x -c c -i a:b:c -r a:b:c", "Invalid format before or after ':' in 'a:b:c'"),
        ("task create request x -c c -i a:b:c -r a", "Required separators ':' are missing in 'a'"),
        (
            "task create train x -c c -i a:b:c -o a:b:c -t 1.5",
            'invalid argument "1.5" for "--time": not a whole number',
        ),
        (
            "task create train x -c c -i a:b:c -o a:b:c --class-weight 0:1,1",
            'invalid argument "1" for "--class-weight": not a class and its weight',
        ),
        (
            "task create train x -c c -i a:b:c -o a:b:c --class-weight 0:nan",
            'invalid argument "0:nan" for "--class-weight": not a class and its weight',
        ),
        ("task create train x -c c -i a:b:c -o a:b:c --class-weight 0:1,0:2", "class '0' is given twice"),
        (
            "task create train x -c c -i a:b:c -o a:b:c --sample-weight a:b:c",
            "Invalid format before or after ':' in 'a:b:c'",
        ),
        ("task create train x -c c -i a:b:c -o json", "Required separators ':' are missing in 'json'"),
    ],
)
def test_wrong_command_lines(argv, message, capsys, login):
    assert main(argv.split()) == 2
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == f"Error: {message}"
    assert "--help'." in err.splitlines()[-1]
    assert out == ""


@pytest.mark.parametrize(
    ("argv", "form"),
    [
        ("user list", "table"),
        ("user list -j", "json"),
        ("--json_output user list", "json"),
        ("user list --json_output=true", "json"),
        ("user list --json_output=false", "table"),
        ("user list -j=true", "json"),
        ("user list -j=false", "table"),
        ("user --output csv list", "csv"),
        ("user list --output=json", "json"),
        ("user list -j --output table", "table"),
    ],
)
def test_output_format(argv, form):
    assert parse(HELPS["user"], argv.split()).form == form


def test_output_is_a_format_or_the_output_of_a_task():
    argv = "task create train x -c c -i a:b:c --output d:e:f --output json --output=g:h:i -o j:k:l"
    arguments = parse(HELPS["task"], argv.split())
    assert arguments.form == "json"
    assert arguments.texts("--output") == ["d:e:f", "g:h:i", "j:k:l"]


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"], ["-j"]])
def test_overview(argv, capsys):
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert all(f"    {noun}" in out for noun in NOUNS)


def test_overview_tells_all_exit_codes(capsys):
    main([])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Exit codes")]
    assert sorted(map(int, re.findall(r"\d+", line))) == sorted(EXIT_CODES)


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("form", ["{}", "{} --help", "-h {}", "help {}", "{} list --help", "{} list -c x -h"])
def test_help_of_a_noun(noun, form, capsys):
    if (noun, form) == ("whoami", "{}"):
        pytest.skip("it is a command by itself")
    assert main(form.format(noun).split()) == 0
    assert capsys.readouterr().out == HELPS[noun].strip("\n") + "\n"


@pytest.mark.parametrize("argv", ["task create", "user project", "-j task create"])
def test_a_group_without_its_command_prints_the_help(argv, capsys):
    assert main(argv.split()) == 0
    assert "Usage:" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hanamictl ")


def test_help_texts_fit_a_wide_terminal_and_show_examples():
    for text in HELPS.values():
        assert max(map(len, text.splitlines())) <= 120
        assert "Example" in text


def test_the_examples_are_valid():
    for text in HELPS.values():
        examples = text.split("Example")[1].splitlines()
        for line in (line.strip() for line in examples if line.strip().startswith("hanamictl")):
            parse(text, line.split()[1:] if '"' not in line else [word.strip('"') for word in quoted(line)[1:]])


def quoted(line):
    import shlex

    return shlex.split(line)


def test_switches_are_all_options_without_a_value():
    known = {name for text in HELPS.values() for name, flag in flags_of(text).items() if not flag.takes_value}
    assert set(SWITCHES) == known | {"--version"}


def test_a_value_may_be_the_name_of_a_noun():
    with pytest.raises(UsageError, match="accepts 1"):
        nouns.run_noun(HELPS["project"], {}, ["--name", "user", "project", "create"])


def test_lines_are_read_with_all_their_parts():
    text = """
Usage:
    prog do it NAME -a X (-b Y)... [-c] [-d]... [options]
    prog do that [options]

Options:
    -a X, --all X    one
    -b Y             two
    -c, --see        three
    -d               four
    -h, --help       five
"""
    first = lines_of(text)[0]
    assert isinstance(first, Line)
    assert (first.words, first.arguments) == (("do", "it"), ("NAME",))
    assert [flag.name for flag in first.required] == ["all", "b"]
    assert {flag.name for flag in first.own} == {"all", "b", "see", "d"}
    assert {flag.name for flag in first.repeatable} == {"b", "d"}
    assert str(complaint(text, ["do", "it", "x"])).startswith('required flag(s) "all", "b" not set')
    assert str(complaint(text, ["do"])) == "incomplete command"
