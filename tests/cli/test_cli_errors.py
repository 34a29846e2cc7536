"""What happens when things go wrong: one clear line on stderr, and the right exit code."""

import functools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer

import pytest

from hanami_cli import program
from hanami_cli.errors import CliError, UsageError
from hanami_cli.program import guarded
from tests.cli.conftest import FakeApi, Handler


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "HANAMI_USER"),
        ({"HANAMI_PASSPHRASE": "x", "HANAMI_ADDRESS": "http://x"}, "HANAMI_USER"),
        ({"HANAMI_USER": "x"}, "HANAMI_PASSPHRASE"),
        ({"HANAMI_USER": "x", "HANAMI_ADDRESS": "http://x"}, "HANAMI_PASSPHRASE"),
        ({"HANAMI_USER": "x", "HANAMI_PASSPHRASE": ""}, "HANAMI_PASSPHRASE"),
        ({"HANAMI_USER": "x", "HANAMI_PASSPHRASE": "x"}, "HANAMI_ADDRESS"),
        ({"HANAMI_USER": "x", "HANAMI_PW": "x"}, "HANAMI_ADDRESS"),
    ],
)
def test_a_missing_variable(given, missing, run, monkeypatch):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    outcome = run("user", "list")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"{missing} is not set\n")


def test_the_old_name_of_the_passphrase_works(api, run, monkeypatch):
    monkeypatch.delenv("HANAMI_PASSPHRASE")
    monkeypatch.setenv("HANAMI_PW", "asdfasdf")
    api.answer("GET", "/host/all", {"header": ["uuid"], "body": []})
    assert run("host", "list").code == 0
    assert api.asked("/token")[0][2] == {"id": "asdf", "passphrase": "YXNkZmFzZGY="}


def test_an_address_without_scheme(login, run, monkeypatch):
    monkeypatch.setenv("HANAMI_ADDRESS", "127.0.0.1:11418")
    assert run("host", "list").err == "HANAMI_ADDRESS must begin with http:// or https://\n"


def test_an_address_with_a_slash_at_the_end(api, run, monkeypatch):
    monkeypatch.setenv("HANAMI_ADDRESS", api.address + "/")
    api.answer("GET", "/host/all", {"header": ["uuid"], "body": []})
    assert run("host", "list").code == 0


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 503])
def test_a_refusal_of_the_server(status, api, run):
    api.answer("GET", "/user", "User with id 'x'\nis \x1b[31mnot there", status=status)
    outcome = run("user", "get", "x")
    line = f"status {status}: err User with id 'x' is \\x1b[31mnot there\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", line)


@pytest.mark.parametrize("argv", ["user list", "cluster mode x TASK"])
def test_a_refused_login_is_reported_as_such(argv, api, run):
    api.answer("POST", "/token", "ACCESS DENIED!\nUser or passphrase is incorrect.", status=401)
    outcome = run(*argv.split())
    line = "login of 'asdf' failed: status 401: err ACCESS DENIED! User or passphrase is incorrect.\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", line)
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("argv", "answer"),
    [
        ("user get x", "[]"),
        ("user get x", "no json"),
        ("cluster mode 12959485-51a7-45bc-84dd-aad1c9bfd510 TASK", "[]"),
        ("cluster get digits", "{}"),
        ("user list", "{}"),
        ("user project list", "{}"),
        ("dataset content 12959485-51a7-45bc-84dd-aad1c9bfd510 -c y -n 1", "{}"),
    ],
)
def test_an_answer_of_another_shape(argv, answer, api, run):
    for method, path in [
        ("GET", "/user"),
        ("PUT", "/cluster/set_mode"),
        ("GET", "/user/all"),
        ("GET", "/cluster/all"),
        ("GET", "/user/project"),
        ("GET", "/dataset/content"),
    ]:
        api.answer(method, path, answer)
    outcome = run(*argv.split())
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("unexpected answer of the server: ")


@pytest.mark.parametrize("argv", ["user list", "cluster mode x TASK"])
def test_nobody_listens(argv, login, run, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = "http://{}:{}".format(*closed.getsockname())
        monkeypatch.setenv("HANAMI_ADDRESS", address)
        outcome = run(*argv.split())
    line = f"login of 'asdf' failed: {address}/v1.0alpha/token: Connection refused\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", line)


@pytest.mark.parametrize("argv", ["user list", "cluster mode x TASK"])
def test_a_server_that_keeps_silent(argv, api, run, silence):
    api.answer("POST", "/token", silence)
    outcome = run(*argv.split(), "--timeout", "0.05")
    line = f"login of 'asdf' failed: {api.address}/v1.0alpha/token: timed out\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", line)


@pytest.fixture
def self_signed(tmp_path, login, monkeypatch):
    """A server whose certificate nobody has signed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"]
    subprocess.run([openssl, "req", *options, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.api, server.daemon_threads = FakeApi(), True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"https://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("HANAMI_ADDRESS", address)
        yield address
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("argv", ["user list", "cluster mode x TASK"])
def test_an_unknown_certificate_is_refused_unless_one_asks_for_it(argv, self_signed, run):
    outcome = run(*argv.split())
    begin, end = f"login of 'asdf' failed: {self_signed}/v1.0alpha/token: ", " (--insecure skips this check)\n"
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(begin)
    assert "certificate verify failed" in outcome.err
    assert outcome.err.endswith(end)
    assert run(*argv.split(), "--insecure").err == "login of 'asdf' failed: status 404: err no such endpoint\n"


def test_insecure_reaches_the_sdk(login, run, monkeypatch):
    asked = []
    monkeypatch.setattr("hanami_sdk.hanami_token.request_token", lambda *values: asked.append(values) or "t")
    monkeypatch.setattr("hanami_sdk.hosts.list_hosts", lambda *values, **more: asked.append(more) or b"{}")
    run("--insecure", "host", "list")
    assert asked[0][-1] is False
    assert asked[1] == {"details": True, "verify_connection": False}


@pytest.mark.parametrize(
    "argv",
    [
        "cluster create -t {} thing",
        "dataset create csv -i {} thing",
        "dataset create mnist -i /dev/null -l {} thing",
        "dataset create own -i /dev/null --part extra={} thing",
    ],
)
def test_a_missing_file_is_found_before_anything_is_sent(argv, api, run, tmp_path):
    path = tmp_path / "absent"
    outcome = run(*argv.format(path).split())
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"open {path}: no such file or directory\n")
    assert api.requests == []


def test_a_directory_instead_of_a_file(api, run, tmp_path):
    assert run("cluster", "create", "-t", str(tmp_path), "thing").err == f"open {tmp_path}: is a directory\n"


def test_a_template_that_is_no_text(api, run, tmp_path):
    (tmp_path / "template").write_bytes(b"\xff\xfe")
    outcome = run("cluster", "create", "-t", str(tmp_path / "template"), "thing")
    assert (outcome.code, outcome.err) == (1, f"read {tmp_path}/template: not a text file in UTF-8\n")


def test_a_file_that_is_not_what_its_name_says(api, run, tmp_path):
    (tmp_path / "x.gz").write_bytes(b"not compressed")
    path = str(tmp_path / "x.gz")
    outcome = run("dataset", "create", "mnist", "-i", path, "-l", path, "thing")
    assert outcome.code == 1
    assert "not a complete gzip file" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (CliError("a reason"), 1, "a reason\n"),
        (UsageError("a reason"), 2, "Error: a reason\nSee 'hanamictl --help'.\n"),
        (SystemExit(), 0, ""),
        (SystemExit(3), 3, ""),
        (SystemExit("a reason"), 1, "a reason\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_ways_to_end(error, code, text, capsys):
    assert guarded("hanamictl", raising(error)) == code
    assert capsys.readouterr() == ("", text)


def test_arguments_that_docopt_does_not_understand_are_wrong_usage(capsys):
    import docopt

    docopt.DocoptExit.usage = "Usage: hanami backup PATH"
    assert guarded("hanami", raising(docopt.DocoptExit())) == 2
    assert capsys.readouterr().err == "Usage: hanami backup PATH\n"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["backup", "a", "b"], "Error: the command line does not fit"),
        (["backup"], "Error: the command line does not fit"),
        (["backup", "a", "--fsat"], 'Error: unknown flag: --fsat, did you mean "--fast"?'),
        (["backup", "a", "--xyzzy", "b"], "Error: unknown flag: --xyzzy"),
        (["backup", "a", "-x"], "Error: unknown flag: -x"),
    ],
)
def test_what_docopt_says_is_made_readable(argv, said, capsys):
    import docopt

    def run():
        docopt.docopt("Usage:\n    hanami backup PATH [--fast]\n", argv)
        return 0

    assert guarded("hanami", run) == 2
    assert capsys.readouterr() == ("", f"{said}\nUsage:\n    hanami backup PATH [--fast]\n")


def test_other_errors_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        guarded("hanami", raising(ZeroDivisionError()))


START = "import sys; from hanami_cli.hanamictl import main; sys.exit(main())"


def started(*argv, **options):
    return subprocess.Popen([sys.executable, "-c", START, *argv], stderr=subprocess.PIPE, **options)


def test_a_closed_pipe_ends_quietly():
    read, write = os.pipe()
    os.close(read)
    with started("--help", stdout=write) as process:
        os.close(write)
        assert process.communicate() == (None, b"")
    assert process.returncode == program.PIPE_CLOSED


def test_an_interrupt_ends_quietly(api, silence):
    api.answer("GET", "/host/all", silence)
    # A test run in the background may have interrupts ignored, which the child would inherit.
    default = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with started("host", "list", stdout=subprocess.PIPE, preexec_fn=default) as process:
        assert api.asleep.wait(10)
        process.send_signal(signal.SIGINT)
        assert process.communicate() == (b"", b"")
    assert process.returncode == program.INTERRUPTED


def test_exit_code_of_the_process():
    with started("xyzzy", stdout=subprocess.PIPE) as process:
        assert process.communicate()[0] == b""
    assert process.returncode == 2
