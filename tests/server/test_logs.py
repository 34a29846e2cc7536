from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from hanami_server import logs


@pytest.fixture
def root():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("event", "clean"),
    [
        ({"token": "abc"}, {"token": "***"}),
        ({"X-Auth-Token": "abc", "a": 1}, {"X-Auth-Token": "***", "a": 1}),
        ({"passphrase": "abc", "user_password": "abc"}, {"passphrase": "***", "user_password": "***"}),
        ({"fields": {"passphrase": "abc", "name": "x"}}, {"fields": {"passphrase": "***", "name": "x"}}),
        ({"event": '{"token": "abc", "target": "x"}'}, {"event": '{"token": "***", "target": "x"}'}),
        ({"event": "X-Auth-Token: abc"}, {"event": "X-Auth-Token: ***"}),
        ({"event": "/v1?password=abc&x=y"}, {"event": "/v1?password=***&x=y"}),
        ({"exception": "ValueError: passphrase='abc'"}, {"exception": "ValueError: passphrase='***'"}),
        ({"event": "the token is old"}, {"event": "the token is old"}),
    ],
)
def test_secrets_are_replaced(event, clean):
    assert logs.redact(None, "info", event) == clean


def test_an_event_is_one_json_line(root, capsys):
    logs.configure("info", "test")
    logging.getLogger("hanami.test").info("something %s", "happened", extra={"task": 5, "token": "abc"})
    logging.getLogger("hanami.test").debug("not this")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["task"], line["token"]) == ("something happened", 5, "***")
    assert (line["level"], line["process"], line["logger"]) == ("info", "test", "hanami.test")
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_part_of_its_line(root, capsys):
    logs.configure("info", "test")
    try:
        raise ValueError("token=abc")
    except ValueError:
        logging.getLogger("hanami.test").exception("failed")
    line = json.loads(capsys.readouterr().err)
    assert "ValueError: token=***" in line["exception"]


def test_lines_need_no_library_that_draws():
    code = (
        "import sys\n"
        "from hanami_server import logs\n"
        "logs.configure('info', 'test')\n"
        "assert not {'structlog', 'rich'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_where_the_log_was_written_and_what_json_has_no_form_for(root, capsys):
    logs.configure("info", "test")
    logging.getLogger("hanami.test").info("here", stack_info=True, extra={"path": {1}})
    line = json.loads(capsys.readouterr().err)
    assert (line["path"], list(line)[:3]) == ("{1}", ["event", "level", "logger"])
    assert line["stack_info"].startswith("Stack (most recent call last)")
