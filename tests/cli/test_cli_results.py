"""What networks answer, how trainings went, and templates and contents as files."""

import io
import json
import sys

from tests.cli.test_cli_commands import OTHER, OWNED, UUID


def test_direct(api, run, tmp_path, monkeypatch):
    api.answer("PUT", "/cluster/set_mode", {"uuid": UUID})
    file = tmp_path / "values"
    file.write_text("1, 2\n3\n")
    outcome = run("cluster", "direct", UUID, "-v", "first=-1,0.5", "--values", f"second=@{file}")
    assert outcome.out.splitlines()[3] == "| 0 | 2.000000 | 4.000000 | 6.000000 |"
    assert api.uploaded == {"first": [-1, 0.5], "second": [1, 2, 3]}
    modes = [body["new_state"] for _, _, body in api.asked("/cluster/set_mode")]
    # It asks once more when it is connected, because another client may have ended the mode in between.
    assert modes == ["DIRECT", "DIRECT", "TASK"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("4"))
    assert json.loads(run("cluster", "direct", UUID, "-v", "first=@-", "-j").out) == [[8]]
    assert run("cluster", "direct", UUID, "-v", "first=@/nowhere").code == 1


def test_predict(api, run, tmp_path):
    api.answer("POST", "/cluster/predict", {"uuid": UUID, "outputs": {"out": [[0.25, 0.75]]}, "version": 3, "age": 1.5})
    file = tmp_path / "values"
    file.write_text("1, 2\n3\n")
    outcome = run("cluster", "predict", UUID, "-v", "first=-1,0.5", "--values", f"second=@{file}")
    assert outcome.out.splitlines()[3] == "| 0 | 0.250000 | 0.750000 |"
    asked = {"uuid": UUID, "inputs": {"first": [[-1, 0.5]], "second": [[1, 2, 3]]}}
    assert [body for _, _, body in api.asked("/cluster/predict")] == [asked]
    assert json.loads(run("cluster", "predict", UUID, "-v", "first=1", "-j").out) == [[0.25, 0.75]]


def test_cluster_create_sends_the_template(api, run, tmp_path):
    template = tmp_path / "template"
    template.write_text("version: 1\nhexagons:\n    1,1,1\n")
    api.answer("POST", "/cluster", OWNED)
    assert run("cluster", "create", "-t", str(template), "thing").code == 0
    encoded = "dmVyc2lvbjogMQpoZXhhZ29uczoKICAgIDEsMSwxCg=="
    assert api.asked("/cluster") == [("POST", {}, {"name": "thing", "template": encoded})]


def test_cluster_create_without_a_template(api, run):
    api.answer("POST", "/cluster", OWNED)
    assert run("cluster", "create", "thing").code == 0
    assert api.asked("/cluster") == [("POST", {}, {"name": "thing", "template": ""})]


def test_content(api, run):
    api.answer("GET", "/dataset/content", {"data": [[0.016387, 1], [0.5, 2.25]]})
    argv = ["dataset", "content", UUID, "-c", "my column", "-n", "2", "-o", "100"]
    assert run(*argv).out.splitlines()[3:5] == ["| 100 | 0.016387 | 1.000000 |", "| 101 | 0.500000 | 2.250000 |"]
    query = {"uuid": UUID, "column_name": "my column", "row_offset": "100", "number_of_rows": "2"}
    assert api.asked("/dataset/content") == [("GET", query, None)]
    assert json.loads(run(*argv, "-j").out) == [[0.016387, 1], [0.5, 2.25]]
    assert run(*argv, "--output", "csv").out == "row,0,1\n100,0.016387,1\n101,0.5,2.25\n"


ENTRIES = [
    {"cycle": 200, "epoch": 1, "seconds": 0.5, "values": {"running_loss": 0.75, "running_accuracy": 0.5, "blocks": 1}},
    {"cycle": 1000, "epoch": 1, "seconds": 1.5, "values": {"running_loss": 0.25, "blocks": 2, "validation_loss": 0.5}},
]


def test_the_history_of_a_task(api, run):
    api.answer("GET", "/task/metrics", {"uuid": UUID, "entries": ENTRIES})
    assert json.loads(run("task", "metrics", UUID, "-j").out) == {"uuid": UUID, "entries": ENTRIES}
    assert run("task", "metrics", UUID, "--output", "csv").out == (
        "cycle,epoch,seconds,running_loss,running_accuracy,blocks,validation_loss\n"
        "200,1,0.5,0.75,0.5,1,\n"
        "1000,1,1.5,0.25,,2,0.5\n"
    )
    assert "| VALIDATION LOSS |" in run("task", "metrics", UUID).out
    assert api.asked("/task/metrics")[0] == ("GET", {"uuid": UUID}, None)


def test_a_plot_of_the_history(api, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    api.answer("GET", "/task/metrics", {"uuid": UUID, "entries": ENTRIES})
    outcome = run("task", "plot", UUID)
    titles = [line for line in outcome.out.splitlines() if ": " in line]
    assert titles == ["running loss: 0.25", "validation loss: 0.5", "running accuracy: 0.5"]
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "\x1b" not in outcome.out
    assert run("task", "plot", UUID, "-j").out == run("task", "metrics", UUID, "-j").out
    api.answer("GET", "/task/metrics", {"uuid": UUID, "entries": []})
    assert run("task", "plot", UUID).out == "nothing was measured yet\n"


REPORT = {"column_name": "a", "reference_column_name": "b", "rows": 4, "mse": 0.5, "mae": 0.25, "r2": 0.125}
CLASSES = {"confusion_matrix": [[3, 0], [1, 0]], "precision": [0.75, None], "recall": [1.0, 0.0]}


def test_a_comparison_of_numbers(api, run):
    api.answer("GET", "/dataset/check", {"report": REPORT})
    outcome = run("dataset", "compare", UUID, "-r", OTHER, "-c", "a", "--right", "b", "--unequal", "--output", "csv")
    assert outcome.out == "rows,mse,mae,r2\n4,0.5,0.25,0.125\n"
    named = {"report": "true", "column_name": "a", "reference_column_name": "b"}
    assert api.asked("/dataset/check") == [("GET", {"uuid": UUID, "reference_uuid": OTHER} | named, None)]


def test_a_comparison_of_classes(api, run):
    answer = {"accuracy": 75.0, "report": REPORT | CLASSES}
    api.answer("GET", "/dataset/check", answer)
    assert run("dataset", "compare", UUID, "-r", OTHER, "--output", "csv").out == (
        "class,precision,recall,answered_0,answered_1\n0,0.75,1,3,0\n1,,0,1,0\n"
    )
    table = run("dataset", "compare", UUID, "-r", OTHER).out
    assert "| ACCURACY |" in table
    assert "| CLASS | PRECISION | RECALL | ANSWERED 0 | ANSWERED 1 |" in table
    assert json.loads(run("dataset", "compare", UUID, "-r", OTHER, "-j").out) == answer
    asked = {"uuid": UUID, "reference_uuid": OTHER, "equal_rows": "true", "report": "true"}
    assert api.asked("/dataset/check")[0] == ("GET", asked, None)
    many = {"precision": [1.0] * 30, "recall": [1.0] * 30, "confusion_matrix": [[0] * 30] * 30}
    api.answer("GET", "/dataset/check", {"accuracy": 75.0, "report": REPORT | many})
    assert "ANSWERED" not in run("dataset", "compare", UUID, "-r", OTHER).out
