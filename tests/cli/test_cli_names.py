"""Names in place of UUIDs, wherever a command takes the UUID of a dataset, a cluster or a checkpoint."""

from importlib import import_module

import pytest

from hanami_cli.usage import lines_of

U = [f"0000000{number}-51a7-45bc-84dd-aad1c9bfd510" for number in range(5)]
THINGS = {"header": ["created_at", "uuid", "name"], "body": [["now", U[1], "first one"], ["now", U[2], "second"]]}
TWICE = {"header": ["uuid", "name"], "body": [[U[1], "digits"], [U[2], "digits"]]}
LISTS = ("/cluster/all", "/dataset/all", "/checkpoint/all")

# command line with %s for each thing; method, path, and the fields with UUIDs of what it asks at last
COMMANDS = [
    ("cluster get %s", "GET", "/cluster", {"uuid": U[1], "details": "true"}),
    ("cluster delete %s", "DELETE", "/cluster", {"uuid": U[1]}),
    ("cluster save %s -n point", "POST", "/cluster/save", {"cluster_uuid": U[1], "name": "point"}),
    ("cluster restore %s -c %s", "POST", "/cluster/load", {"cluster_uuid": U[1], "checkpoint_uuid": U[2]}),
    (
        "cluster mode %s TASK --shared",
        "PUT",
        "/cluster/set_mode",
        {"uuid": U[1], "new_state": "TASK", "shared": True},
    ),
    ("cluster predict %s -v in=1,2", "POST", "/cluster/predict", {"uuid": U[1], "inputs": {"in": [[1.0, 2.0]]}}),
    (f"cluster switch-host %s {U[3]}", "PUT", "/cluster/switch_host", {"cluster_uuid": U[1], "host_uuid": U[3]}),
    ("checkpoint label %s --rename new", "PUT", "/checkpoint/labels", {"uuid": U[1], "name": "new"}),
    ("checkpoint visibility %s shared", "PUT", "/checkpoint/visibility", {"uuid": U[1], "visibility": "shared"}),
    ("cluster label %s --rename new", "PUT", "/cluster/labels", {"uuid": U[1], "name": "new"}),
    ("cluster visibility %s shared", "PUT", "/cluster/visibility", {"uuid": U[1], "visibility": "shared"}),
    ("dataset label %s --rename new", "PUT", "/dataset/labels", {"uuid": U[1], "name": "new"}),
    ("dataset visibility %s shared", "PUT", "/dataset/visibility", {"uuid": U[1], "visibility": "shared"}),
    ("cluster lease %s 60", "PUT", "/cluster/lease", {"uuid": U[1], "lease": 60}),
    ("cluster keep %s", "PUT", "/cluster/lease", {"uuid": U[1], "lease": None}),
    ("dataset lease %s 60", "PUT", "/dataset/lease", {"uuid": U[1], "lease": 60}),
    ("dataset keep %s", "PUT", "/dataset/lease", {"uuid": U[1], "lease": None}),
    ("checkpoint get %s", "GET", "/checkpoint", {"uuid": U[1], "details": "true"}),
    ("checkpoint delete %s", "DELETE", "/checkpoint", {"uuid": U[1]}),
    ("dataset get %s", "GET", "/dataset", {"uuid": U[1], "details": "true"}),
    ("dataset delete %s", "DELETE", "/dataset", {"uuid": U[1]}),
    (
        "dataset check %s -r %s",
        "GET",
        "/dataset/check",
        {"uuid": U[1], "reference_uuid": U[2], "equal_rows": "true"},
    ),
    (
        "dataset compare %s -r %s --unequal",
        "GET",
        "/dataset/check",
        {"uuid": U[1], "reference_uuid": U[2], "report": "true"},
    ),
    (
        "dataset content %s -c x -n 1",
        "GET",
        "/dataset/content",
        {"uuid": U[1], "column_name": "x", "row_offset": "0", "number_of_rows": "1"},
    ),
    (f"task get {U[3]} -c %s", "GET", "/task", {"uuid": U[3], "cluster_uuid": U[1], "details": "true"}),
    (f"task delete {U[3]} -c %s", "DELETE", "/task", {"uuid": U[3], "cluster_uuid": U[1]}),
    ("task list -c %s", "GET", "/task/all", {"cluster_uuid": U[1], "details": "true"}),
]


def test_every_command_that_takes_one_is_here():
    direct = {"cluster direct", "task create train", "task create request"}
    direct |= {"checkpoint download", "checkpoint export", "dataset download"}
    known = {
        " ".join(line.words): line.text
        for noun in ("checkpoint", "cluster", "dataset", "task")
        for line in lines_of(import_module(f"hanami_cli.nouns.{noun}").HELP)
    }
    taking = {words for words, text in known.items() if {"CLUSTER", "DATASET", "CHECKPOINT"} & set(text.split())}
    assert {" ".join(line.split()[:2]) for line, *_ in COMMANDS} | direct == taking


@pytest.fixture
def things(api):
    """A server where all kinds of things have the same names."""
    for path in LISTS:
        api.answer("GET", path, THINGS)
    return api


@pytest.mark.parametrize(("line", "method", "path", "fields"), COMMANDS, ids=[case[0] for case in COMMANDS])
def test_names_and_uuids(line, method, path, fields, things, run):
    things.answer(method, path, {"header": [], "body": [], "data": [], "outputs": {"out": [[1]]}})
    names, uuids = ["first one", "second"], U[1:3]
    for given in (names, uuids):
        left = list(given)
        argv = [left.pop(0) if word == "%s" else word for word in line.split()]
        assert run(*argv, "-j").code == 0
    for _, query, body in things.asked(path):
        assert (body or query) == fields
    assert len(things.asked(path)) == 2
    lists = [asked for _, asked, *_ in things.requests if asked in LISTS]
    assert len(lists) == line.count("%s"), "a UUID needs no look into a list"


@pytest.mark.parametrize(
    ("kind", "links", "expected"),
    [
        (
            "train",
            ["-i", "first one:x:in", "-o", "first one:y:out"],
            {
                "inputs": [{"dataset_uuid": U[1], "dataset_column": "x", "hexagon_name": "in"}],
                "outputs": [{"dataset_uuid": U[1], "dataset_column": "y", "hexagon_name": "out"}],
            },
        ),
        (
            "request",
            ["-i", "second:x:in", "-r", "out:first one"],
            {
                "inputs": [{"dataset_uuid": U[2], "dataset_column": "x", "hexagon_name": "in"}],
                "results": [{"dataset_column": "first one", "hexagon_name": "out"}],
            },
        ),
        ("train", ["-i", "in:second", "-o", "out:second"], {"inputs": {"in": U[2]}, "outputs": {"out": U[2]}}),
        ("request", ["-i", "in:second", "-r", "out:second"], {"inputs": {"in": U[2]}, "results": {"out": "second"}}),
    ],
)
def test_names_in_tasks(kind, links, expected, things, run):
    things.answer("POST", f"/task/{kind}", {"uuid": U[4]})
    assert run("task", "create", kind, *links, "-c", "first one", "lesson").code == 0
    ((_, _, body),) = things.asked(f"/task/{kind}")
    more = {"equal_rows": True, "shuffle": True} if kind == "train" else {}
    assert body == {"name": "lesson", "cluster_uuid": U[1], "time_length": 1, **more, **expected}
    assert len(things.asked("/dataset/all")) == 1


def test_a_message_tells_what_was_said(things, run):
    things.answer("DELETE", "/cluster", {})
    assert run("cluster", "delete", "second").out == "successfully deleted cluster 'second'\n"
    assert things.asked("/cluster") == [("DELETE", {"uuid": U[2]}, None)]


@pytest.mark.parametrize("argv", ["cluster delete %s", "dataset delete %s", "checkpoint delete %s"])
def test_a_name_that_nothing_has(argv, things, run):
    noun = argv.split()[0]
    outcome = run(*argv.replace("%s", "first").split())
    line = f"there is no {noun} 'first', only 'first one', 'second'\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", line)
    assert [path for _, path, *_ in things.requests] == ["/token", f"/{noun}/all"]


@pytest.mark.parametrize("argv", ["cluster delete %s", "dataset delete %s", "checkpoint delete %s"])
def test_a_name_that_several_things_have(argv, api, run):
    noun = argv.split()[0]
    api.answer("GET", f"/{noun}/all", TWICE)
    outcome = run(*argv.replace("%s", "digits").split())
    line = f"2 {noun}s are named 'digits', use the UUID: {U[1]}, {U[2]}\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", line)
    assert [path for _, path, *_ in api.requests] == ["/token", f"/{noun}/all"]


def test_a_list_without_names(api, run):
    api.answer("GET", "/cluster/all", {"header": ["uuid"], "body": [[U[1]]]})
    outcome = run("cluster", "get", "digits", "-j")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "unexpected answer of the server: no column 'name'\n"
