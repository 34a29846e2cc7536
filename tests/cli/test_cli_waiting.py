"""Commands of `hanamictl` that take long: uploads, and waiting for tasks."""

import gzip
import json
import sys

import pytest

from tests.cli.test_cli_commands import D1, DATASET, LINKS, OTHER, OWNED, TASK, UUID


@pytest.fixture
def uploads(api):
    """A server that takes uploads of any format."""
    for form in ("mnist", "csv", "own"):
        files = {f"uuid_{part}_file": f"file-{part}" for part in ("input", "label", "extra")}
        api.answer("POST", f"/dataset/upload/{form}", {**OWNED, **files})
        api.answer("PUT", f"/dataset/upload/{form}", {"uuid": UUID})
    api.answer("GET", "/dataset/progress", {"complete": True, "uuid": UUID})
    api.answer("GET", "/dataset", DATASET)
    api.answer("DELETE", "/dataset", {})
    return api


@pytest.fixture
def paths(tmp_path):
    """An input of more than one chunk, and a label."""
    (tmp_path / "input").write_bytes(bytes(range(256)) * 600)
    (tmp_path / "label").write_bytes(b"label")
    return str(tmp_path / "input"), str(tmp_path / "label")


def test_upload_mnist(uploads, run, paths):
    outcome = run("dataset", "create", "mnist", "-i", paths[0], "-l", paths[1], "digits")
    assert outcome.code == 0
    assert "| NUMBER OF ROWS    | 1723" in outcome.out
    assert outcome.err == "", "nobody watches"
    assert uploads.uploaded == {"file-input": bytes(range(256)) * 600, "file-label": b"label"}
    sizes = {"name": "digits", "input_data_size": 153600, "label_data_size": 5}
    files = {"uuid": UUID, "uuid_input_file": "file-input", "uuid_label_file": "file-label"}
    assert uploads.asked("/dataset/upload/mnist") == [("POST", {}, sizes), ("PUT", {}, files)]


def test_upload_shows_its_progress_on_a_terminal(uploads, run, paths, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    outcome = run("dataset", "create", "csv", "-i", paths[0], "numbers", "-j")
    assert json.loads(outcome.out) == DATASET
    assert "storing" in outcome.err
    assert "━" in outcome.err


def test_a_mistyped_format(api, run, paths):
    api.answer("POST", "/dataset/upload/mnst", "Access denied by policy", status=401)
    outcome = run("dataset", "create", "mnst", "-i", paths[0], "-l", paths[1], "digits")
    line = "status 401: err Access denied by policy (format 'mnst', did you mean \"mnist\"?)\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", line)


def test_upload_of_compressed_mnist(uploads, run, paths, tmp_path):
    packed = tmp_path / "input.gz"
    packed.write_bytes(gzip.compress(b"images"))
    assert run("dataset", "create", "mnist", "-i", str(packed), "-l", paths[1], "digits").code == 0
    assert uploads.uploaded["file-input"] == b"images"


def test_upload_csv(uploads, run, paths):
    outcome = run("dataset", "create", "csv", "--input", paths[1], "numbers", "-j")
    assert json.loads(outcome.out) == DATASET
    assert uploads.uploaded == {"file-input": b"label"}


def test_upload_of_a_format_of_a_plugin(uploads, run, paths):
    parts = ["-i", paths[0], "--part", f"extra={paths[1]}"]
    assert run("dataset", "create", "own", "things", *parts).code == 0
    assert uploads.uploaded["file-extra"] == b"label"
    sizes = {"name": "things", "input_data_size": 153600, "extra_data_size": 5}
    assert uploads.asked("/dataset/upload/own")[0] == ("POST", {}, sizes)


def test_upload_that_is_refused_is_reported_and_removed(uploads, run, paths):
    uploads.refuse_chunks = True
    outcome = run("dataset", "create", "csv", "-i", paths[0], "numbers")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1] == "the disk is full"
    assert uploads.asked("/dataset") == [("DELETE", {"uuid": UUID}, None)]


def test_wait_for_a_task(api, run, monkeypatch):
    pauses = []
    monkeypatch.setattr("hanami_cli.waiting.sleep", pauses.append)
    half = {**TASK, "current_cycle": 30000}
    done = {**TASK, "state": "finished", "current_cycle": 60000}
    api.answer("POST", "/task/train", {**TASK, "state": "queued"})
    api.answer("GET", "/task", {**TASK, "state": "queued", "current_cycle": 0}, TASK, half, half, done)
    outcome = run("task", "create", "train", *LINKS, "-c", UUID, "lesson", "--wait", "-j")
    assert outcome.code == 0
    assert json.loads(outcome.out) == done
    assert outcome.err.splitlines() == ["queued 0 %", "active 0 %", "active 50 %", "finished 100 %"]
    assert pauses == sorted(pauses)
    assert len(pauses) == 4


@pytest.mark.parametrize(
    ("argv", "path", "answer"),
    [
        (f"task get {OTHER} -c {UUID}", "/task", TASK),
        (f"cluster save {UUID} -n before", "/cluster/save", {"uuid": OTHER, "name": "before"}),
        (f"cluster restore {UUID} -c {UUID}", "/cluster/load", {"uuid": OTHER}),
    ],
)
def test_wait_for_what_is_queued(argv, path, answer, api, run, monkeypatch):
    monkeypatch.setattr("hanami_cli.waiting.sleep", lambda pause: None)
    api.answer("POST", path, answer)
    done = {**TASK, "state": "finished"}
    api.answer("GET", "/task", TASK, done)
    outcome = run(*argv.split(), "--wait", "-j")
    assert (outcome.code, json.loads(outcome.out)) == (0, done if path == "/task" else answer)
    assert api.asked("/task") == [("GET", {"uuid": OTHER, "cluster_uuid": UUID}, None)] * 2
    api.answer("GET", "/task", {**TASK, "state": "failed"})
    outcome = run(*argv.split(), "--wait")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1] == f"task '{OTHER}' ended in the state 'failed'"


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ({"state": "aborted"}, "task 'TASK' ended in the state 'aborted'"),
        (
            {"state": "failed", "error": "the host\nis gone"},
            "task 'TASK' ended in the state 'failed': the host is gone",
        ),
    ],
)
def test_wait_for_a_task_that_fails(task, reason, api, run):
    api.answer("POST", "/task/request", TASK)
    api.answer("GET", "/task", {**TASK, **task})
    argv = ["task", "create", "request", "-i", f"{D1}:b:c", "-r", "d:e", "-c", UUID, "exam", "--wait"]
    outcome = run(*argv)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1] == reason.replace("TASK", UUID)


def test_a_token_that_expires_during_a_wait_is_renewed(api, run, monkeypatch):
    monkeypatch.setattr("hanami_cli.waiting.sleep", lambda pause: None)
    api.answer("POST", "/task/train", TASK)
    api.answers["GET", "/task"] = [(200, TASK), (401, "Token is expired"), (200, {**TASK, "state": "finished"})]
    assert run("task", "create", "train", *LINKS, "-c", UUID, "lesson", "--wait").code == 0
    assert len(api.asked("/token")) == 2


def test_progress_is_a_bar_on_a_terminal(api, run, monkeypatch):
    monkeypatch.setattr("hanami_cli.waiting.sleep", lambda pause: None)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    api.answer("POST", "/task/train", TASK)
    api.answer("GET", "/task", TASK, {**TASK, "state": "finished"})
    outcome = run("task", "create", "train", *LINKS, "-c", UUID, "lesson", "--wait")
    assert outcome.code == 0
    assert "STATE                  | finished" in outcome.out
    assert "━" in outcome.err
