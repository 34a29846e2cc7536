"""Commands of installed packages: how they are found, run, and what happens when a package is broken."""

import os
import subprocess
import sys
from importlib import metadata
from textwrap import dedent

import pluggy
import pytest

import hanami_cli
from hanami_cli import Command, catalogue, hanami, hanamictl, hookimpl, hookspecs
from hanami_cli.catalogue import SERVER_MISSING

GOOD = """
    from hanami_cli import Command, hookimpl

    def run(argv):
        print("{name} got", argv)
        return 7

    @hookimpl
    def hanami_cli_commands():
        return [Command(program, "{name}", "does {name} things", run) for program in ("hanami", "hanamictl")]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Write a package with an entry point; nothing else is installed for the catalogue."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(group):
        found = [entry for dist in metadata.distributions(path=[str(tmp_path)]) for entry in dist.entry_points]
        return metadata.EntryPoints(found).select(group=group)

    monkeypatch.setattr(catalogue, "entry_points", installed)

    def install(name, source, module=None):
        module = module or f"fake_{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        if source is not None:
            (tmp_path / f"{module}.py").write_text(dedent(source))
        info = tmp_path / f"{module}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[{hookspecs.GROUP}]\n{name} = {module}\n")
        return tmp_path

    yield install
    for module in [module for module in sys.modules if module.startswith("fake_")]:
        del sys.modules[module]


def test_hook_hanami_cli_commands(install, capsys):
    install("backup", GOOD.format(name="backup"))
    assert hanami.main(["backup", "a", "--b"]) == 7
    assert capsys.readouterr() == ("backup got ['a', '--b']\n", "")


def test_hook_gives_commands_to_hanamictl_too(install, capsys):
    install("backup", GOOD.format(name="backup"))
    assert hanamictl.main(["-j", "backup", "a"]) == 7
    assert capsys.readouterr() == ("backup got ['-j', 'a']\n", "")


@pytest.mark.parametrize("program", [hanami, hanamictl])
@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["help"], []])
def test_help_lists_the_commands(program, argv, install, capsys):
    install("zoo", GOOD.format(name="zoo"))
    install("backup", GOOD.format(name="backup"))
    assert program.main(argv) == 0
    out, err = capsys.readouterr()
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert lines.index(["backup", "does backup things"]) < lines.index(["zoo", "does zoo things"])
    assert err == ""


@pytest.mark.parametrize("program", [hanami, hanamictl])
def test_help_of_a_command_is_its_own(program, install, capsys):
    install("backup", GOOD.format(name="backup"))
    assert program.main(["help", "backup"]) == 7
    assert capsys.readouterr().out == "backup got ['--help']\n"


def test_unknown_command(install, capsys):
    install("backup", GOOD.format(name="backup"))
    assert hanami.main(["bakup"]) == 2
    assert capsys.readouterr() == (
        "",
        'Error: unknown command "bakup" for "hanami", did you mean "backup"?\nSee \'hanami --help\'.\n',
    )
    assert hanami.main(["--fast"]) == 2
    assert "Error: unknown flag: --fast" in capsys.readouterr().err
    assert hanamictl.main(["bakup"]) == 2
    assert 'unknown command "bakup" for "hanamictl", did you mean "backup"?' in capsys.readouterr().err


def test_nothing_is_installed(install, capsys):
    assert hanami.main([]) == 0
    assert "No commands are installed." in capsys.readouterr().out
    assert hanami.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hanami ")


BROKEN = [
    (None, "ModuleNotFoundError: No module named 'fake_broken'"),
    ("import absent_library", "ModuleNotFoundError: No module named 'absent_library'"),
    ("x = 1 +", "SyntaxError: invalid syntax"),
    ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
    ("raise SystemExit(3)", "SystemExit: 3"),
    ("x = 1", "LookupError: it does not implement hanami_cli_commands"),
    ("def hanami_cli_commands(): return []", "LookupError: it does not implement hanami_cli_commands"),
    ("from hanami_cli import hookimpl\n@hookimpl\ndef hanami_cli_commands(): 1 / 0", "ZeroDivisionError: division by"),
    ("from hanami_cli import hookimpl\n@hookimpl\ndef hanami_cli_commands(): return 1", "TypeError: hanami_cli_comm"),
    ("from hanami_cli import hookimpl\n@hookimpl\ndef hanami_cli_commands(x): return []", "PluginValidationError: "),
    ("from hanami_cli import hookimpl\n@hookimpl\ndef hanami_cli_command(): return []", "PluginValidationError: "),
    (
        "from hanami_cli import Command, hookimpl\n"
        "@hookimpl\ndef hanami_cli_commands(): return [Command('hanami', 'Bad Name', 'x', print)]",
        "ValueError: 'Bad Name' is not a valid command name",
    ),
]


@pytest.mark.parametrize(("source", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
@pytest.mark.parametrize("program", [hanami, hanamictl])
def test_a_broken_package_is_skipped_with_one_line(program, source, reason, install, capsys):
    install("broken", source)
    install("zoo", GOOD.format(name="zoo"))
    assert program.main(["zoo"]) == 7
    out, err = capsys.readouterr()
    assert out == "zoo got []\n"
    assert err.startswith(f"{program.PROGRAM}: skipped 'broken' (fake_broken): {reason}")
    assert err.count("\n") == 1


def test_an_item_that_is_no_command_is_skipped_with_one_line(install, capsys):
    install("zoo", GOOD.format(name="zoo").replace("return [", "return ['x'] + ["))
    assert hanami.main(["zoo"]) == 7
    assert capsys.readouterr().err == "hanami: skipped an item of 'zoo' (fake_zoo): it is not a Command\n"


@pytest.mark.parametrize(
    ("program", "name"), [(hanamictl, "user"), (hanamictl, "help"), (hanami, "help"), (hanami, "again")]
)
def test_a_name_that_is_taken_is_skipped_with_one_line(program, name, install, capsys):
    install("again", GOOD.format(name="again"))
    install("late", GOOD.format(name=name))
    assert program.main(["--help"]) == 0
    line = f"{program.PROGRAM}: skipped command '{name}' of 'late' (fake_late): the name is taken\n"
    assert capsys.readouterr().err == line


def test_names_of_the_server_come_first(install, capsys):
    install("aaa", GOOD.format(name="serve"))
    install("server", GOOD.format(name="serve").replace("got", "of the server got"), "fake_zz")
    assert hanami.main(["serve"]) == 7
    assert capsys.readouterr().out == "serve of the server got []\n"


def test_the_server_is_not_installed(install, capsys):
    install("server", "import falcon_that_is_absent")
    reason = "ModuleNotFoundError: No module named 'falcon_that_is_absent'"
    assert hanami.main(["serve"]) == 1
    assert capsys.readouterr() == ("", f"{SERVER_MISSING} ({reason})\n")
    assert "pip install 'hanami[server]'" in SERVER_MISSING
    assert hanami.main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert SERVER_MISSING in out
    assert err == ""


def test_commands_of_plugins_work_without_the_server(install, capsys):
    install("server", "import falcon_that_is_absent")
    install("backup", GOOD.format(name="backup"))
    assert hanami.main(["backup"]) == 7
    assert capsys.readouterr().err == ""


def test_a_client_does_not_hear_of_the_missing_server(install, capsys):
    install("server", "import falcon_that_is_absent")
    assert hanamictl.main(["--help"]) == 0
    assert capsys.readouterr().err == ""


def test_a_command_of_the_server_that_finds_its_library_missing(install, capsys):
    install("server", GOOD.format(name="serve").replace("print(", "import falcon_that_is_absent #"))
    assert hanami.main(["serve"]) == 1
    assert capsys.readouterr().err == f"{SERVER_MISSING} (No module named 'falcon_that_is_absent')\n"


def test_a_command_of_a_plugin_that_finds_its_library_missing(install):
    install("zoo", GOOD.format(name="zoo").replace("print(", "import absent_library #"))
    with pytest.raises(ModuleNotFoundError):
        hanami.main(["zoo"])


def test_the_group_is_loaded_once_and_only_if_needed(install, monkeypatch, login, capsys):
    install("zoo", "import counted; counted.up()\n" + dedent(GOOD.format(name="zoo")))
    calls = []
    monkeypatch.setitem(sys.modules, "counted", type("counted", (), {"up": staticmethod(lambda: calls.append(1))}))
    hanamictl.main(["user", "--help"])
    assert calls == []
    hanami.main(["zoo"])
    assert calls == [1]


def test_entry_points_are_found_by_a_process(install):
    path = install("backup", GOOD.format(name="backup"))
    start = "import sys; from hanami_cli.hanami import main; sys.exit(main())"
    paths = os.pathsep.join([str(path), *filter(None, sys.path)])
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", start, "backup", "x"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stdout) == (7, "backup got ['x']\n")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (("tox", "x", "y"), "there is no program 'tox'"),
        (("hanami", "", "y"), "is not a valid "),
        (("hanami", "-x", "y"), "is not a valid "),
        (("hanami", "x", ""), "must be one line"),
        (("hanami", "x", "y\nz"), "must be one line"),
    ],
)
def test_rules_of_a_command(fields, reason):
    with pytest.raises(ValueError, match=reason):
        Command(*fields, run=lambda argv: 0)


def test_hook_is_documented():
    text = hookspecs.hanami_cli_commands.__doc__
    for part in (":returns:", ":failure:", "versionadded::", "Example::"):
        assert part in text


def test_the_example_of_the_hook_works(install, capsys):
    example = dedent(hookspecs.hanami_cli_commands.__doc__.partition("Example::")[2])
    archive = "def write_archive(path): print('to', path)"
    install("archive", archive, "fake_archive")
    install("backup", example.replace("hanami_backup.archive", "fake_archive"))
    assert hanami.main(["backup", "/mnt/nightly"]) == 0
    assert capsys.readouterr().out == "to /mnt/nightly\n"


def test_the_marker_is_for_plugin_authors():
    assert isinstance(hookimpl, pluggy.HookimplMarker)
    assert hanami_cli.hookimpl is hookimpl
