"""The completion scripts, in the shells that are there."""

import shutil
import subprocess

import pytest

from hanami_cli.completion import SHELLS, grammar
from hanami_cli.hanamictl import LOCAL, NOUNS, SWITCHES, main


def script(shell, capsys):
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def complete(capsys, *words):
    """Return what bash offers for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in ("hanamictl", *words))
    asked = f'COMP_WORDS=({quoted})\nCOMP_CWORD={len(words)}\n_hanamictl\necho "${{COMPREPLY[@]}}"'
    code = f"{script('bash', capsys)}\n{asked}"
    done = subprocess.run(["bash", "-uc", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_nouns_and_actions(capsys):
    assert complete(capsys, "") == [*NOUNS, *LOCAL]
    assert complete(capsys, "cl") == ["cluster"]
    assert complete(capsys, "user", "project", "") == ["add", "remove", "list"]
    assert complete(capsys, "task", "create", "tr") == ["train"]
    assert complete(capsys, "completion", "") == ["bash", "zsh", "fish"]
    assert complete(capsys, "cluster", "get", "") == []


def test_options_do_not_count_as_words(capsys):
    assert complete(capsys, "-j", "--timeout", "3", "task", "-c", "get", "cr") == ["create"]
    assert complete(capsys, "dataset", "content", "x", "--o") == ["--offset", "--output"]
    assert complete(capsys, "whoami", "--is_admin") == []


def test_values_of_options(capsys):
    assert complete(capsys, "user", "list", "--output", "") == ["table", "json", "csv"]
    assert complete(capsys, "cluster", "create", "-t", "") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_hold_every_word_and_option(shell, capsys):
    text = script(shell, capsys)
    known = grammar()
    for words in known.words.values():
        assert all(word in text for word in words)
    for flags in known.options.values():
        assert all(name in text or f"-s {name[1:]}" in text or f"-l {name[2:]}" in text for name in flags)


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_can_read_the_scripts(shell, capsys, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell, capsys))
    done = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_option_takes_a_value_everywhere_or_nowhere():
    known = grammar()
    for flags in known.options.values():
        for name, flag in flags.items():
            assert flag.takes_value == (name in known.with_value)
            assert flag.takes_value != (name in SWITCHES)
