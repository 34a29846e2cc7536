"""Questions for a passphrase, on a real terminal."""

import os
import pty
import subprocess
import sys

import pytest

USER = {"id": "ada1", "name": "Ada"}
START = "import sys; from hanami_cli.hanamictl import main; sys.exit(main())"


CREATE = ("user", "create", "ada1", "-n", "Ada")


def on_a_terminal(*answers, command=CREATE):
    """Run a command on a new terminal, give the answers, and return exit code and what the terminal showed."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-W", "error", "-c", START, *command]
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        shown = conversation(ours, answers)
    os.close(ours)
    return process.returncode, shown.decode()


def conversation(terminal, answers):
    shown, given = b"", 0
    while piece := read(terminal):
        shown += piece
        if given < len(answers) and shown.count(b": ") > given:
            os.write(terminal, answers[given] + b"\n")
            given += 1
    return shown


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux reports that the other side is gone
        return b""


def test_passphrase_is_asked_for_twice_and_not_shown(api):
    api.answer("POST", "/user", USER)
    code, shown = on_a_terminal(b"  secret secret ", b"secret secret")
    assert code == 0
    assert shown.startswith("Enter Passphrase: \r\nEnter Passphrase again: \r\n+----")
    assert "secret" not in shown
    body = {"id": "ada1", "name": "Ada", "passphrase": "c2VjcmV0IHNlY3JldA==", "is_admin": False}
    assert api.asked("/user") == [("POST", {}, body)]


def test_two_different_passphrases(api):
    code, shown = on_a_terminal(b"secret one", b"secret two")
    assert code == 1
    assert shown.splitlines()[-1] == "Mismatch between the two entered passphrases"
    assert api.requests == []


def test_a_new_passphrase_of_ones_own(api):
    api.answer("PUT", "/user/passphrase", {"id": "asdf", "token": "another"})
    code, shown = on_a_terminal(b"secretsecret", b"secretsecret", command=("user", "passphrase"))
    assert code == 0
    assert shown.splitlines()[-1] == "successfully changed the passphrase of user 'asdf'"
    assert "secretsecret" not in shown


def test_the_passphrase_of_the_login_is_asked_for(api, monkeypatch):
    monkeypatch.delenv("HANAMI_PASSPHRASE")
    api.answer("GET", "/host/all", {"header": ["uuid", "type"], "body": []})
    code, shown = on_a_terminal(b" secret ", command=("host", "list"))
    assert (code, shown.splitlines()[0]) == (0, "Passphrase of 'asdf': ")
    assert "secret" not in shown
    assert api.asked("/token")[0][2]["passphrase"] == "IHNlY3JldCA="


def test_nobody_is_asked_in_vain(monkeypatch, login):
    """What is wrong with the address is said before the question."""
    monkeypatch.delenv("HANAMI_PASSPHRASE")
    monkeypatch.delenv("HANAMI_ADDRESS")
    assert on_a_terminal(command=("host", "list")) == (1, "HANAMI_ADDRESS is not set\r\n")


def test_the_passphrase_of_the_login_in_a_file(api, run, monkeypatch, tmp_path):
    api.answer("GET", "/host/all", {"header": ["uuid", "type"], "body": []})
    monkeypatch.setenv("HANAMI_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert run("host", "list").code == 0, "the variable goes before the file"
    monkeypatch.delenv("HANAMI_PASSPHRASE")
    assert run("host", "list").err == f"open {tmp_path}/secret: no such file or directory\n"
    (tmp_path / "secret").write_text("from a file\n")
    assert run("host", "list").code == 0
    assert [body["passphrase"] for _, _, body in api.asked("/token")] == ["YXNkZiBhc2Rm", "ZnJvbSBhIGZpbGU="]


def test_no_terminal(api, run, monkeypatch):
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        outcome = run("user", "create", "ada1", "-n", "Ada")
    assert (outcome.code, outcome.out, outcome.err) == (
        1,
        "",
        "Failed to read passphrase input: there is no terminal, use --passphrase-file\n",
    )
    assert api.requests == []


@pytest.mark.parametrize("option", [["-p", ""], ["--passphrase="]])
def test_an_empty_passphrase_on_the_command_line_is_the_servers_affair(option, api, run):
    api.answer("POST", "/user", "passphrase is too short", status=400)
    outcome = run("user", "create", "ada1", "-n", "Ada", *option)
    assert outcome.err == "status 400: err passphrase is too short\n"
