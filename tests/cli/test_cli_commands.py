"""Every command of `hanamictl` against a server on a real socket: what it asks and what it prints."""

import json
from textwrap import dedent

import pytest

from tests.cli.answers import (
    ACCESS_KEY,
    D1,
    D2,
    DATASET,
    INPUTS,
    KEYPAIR,
    KEYPAIR_TITLES,
    LINKS,
    METRICS,
    OTHER,
    OUTPUTS,
    OWNED,
    OWNED_TITLES,
    PROJECT,
    RESULTS,
    TASK,
    TASK_TITLES,
    USER,
    USER_TITLES,
    UUID,
)


def table_of(kind, *rows):
    return {"header": list(kind), "body": [list(row.values()) for row in rows]}


# command line, (method, path, query, body) of what it asks, the server's answer, titles of the table
SINGLE = [
    (
        "user create ada1 --name=Ada -p secretsecret --is_admin",
        ("POST", "/user", {}, {"id": "ada1", "name": "Ada", "passphrase": "c2VjcmV0c2VjcmV0", "is_admin": True}),
        USER,
        USER_TITLES,
    ),
    (
        "user create ada1 --name=Ada --password secretsecret",
        ("POST", "/user", {}, {"id": "ada1", "name": "Ada", "passphrase": "c2VjcmV0c2VjcmV0", "is_admin": False}),
        USER,
        USER_TITLES,
    ),
    (
        "user create ada1 --name=Ada --password=secretsecret --is_admin=true",
        ("POST", "/user", {}, {"id": "ada1", "name": "Ada", "passphrase": "c2VjcmV0c2VjcmV0", "is_admin": True}),
        USER,
        USER_TITLES,
    ),
    (
        "user get ada@x.org",
        ("GET", "/user", {"id": "ada@x.org"}, None),
        USER,
        USER_TITLES,
    ),
    (
        "user project add ada1 proj --role=boss",
        ("POST", "/user/project", {}, {"id": "ada1", "project_id": "proj", "role": "boss", "is_project_admin": False}),
        USER,
        USER_TITLES,
    ),
    (
        "user project add ada1 proj --is_project_admin",
        ("POST", "/user/project", {}, {"id": "ada1", "project_id": "proj", "role": "member", "is_project_admin": True}),
        USER,
        USER_TITLES,
    ),
    (
        "user project remove ada1 proj",
        ("DELETE", "/user/project", {"id": "ada1", "project_id": "proj"}, None),
        USER,
        USER_TITLES,
    ),
    (
        "keypair create",
        ("POST", "/keypair", {}, {}),
        {**KEYPAIR, "secret_key": "x" * 40},
        KEYPAIR_TITLES.replace("ACCESS_KEY", "ACCESS_KEY SECRET_KEY"),
    ),
    (
        "keypair create --description=nightly --user ada1 --in-project proj",
        ("POST", "/keypair", {}, {"description": "nightly", "user_id": "ada1", "project_id": "proj"}),
        {**KEYPAIR, "secret_key": "x" * 40},
        KEYPAIR_TITLES.replace("ACCESS_KEY", "ACCESS_KEY SECRET_KEY"),
    ),
    (
        f"keypair get {ACCESS_KEY}",
        ("GET", "/keypair", {"access_key": ACCESS_KEY}, None),
        KEYPAIR,
        KEYPAIR_TITLES,
    ),
    (
        f"keypair activate {ACCESS_KEY}",
        ("PUT", "/keypair/active", {}, {"access_key": ACCESS_KEY, "is_active": True}),
        KEYPAIR,
        KEYPAIR_TITLES,
    ),
    (
        f"keypair deactivate {ACCESS_KEY}",
        ("PUT", "/keypair/active", {}, {"access_key": ACCESS_KEY, "is_active": False}),
        KEYPAIR,
        KEYPAIR_TITLES,
    ),
    (
        "project create proj -n x",
        ("POST", "/project", {}, {"id": "proj", "name": "x"}),
        PROJECT,
        "ID NAME CREATOR_ID CREATED_AT",
    ),
    ("project get proj", ("GET", "/project", {"id": "proj"}, None), PROJECT, "ID NAME CREATOR_ID CREATED_AT"),
    (
        f"checkpoint get {UUID}",
        ("GET", "/checkpoint", {"uuid": UUID, "details": "true"}, None),
        OWNED,
        OWNED_TITLES,
    ),
    (
        f"cluster get {UUID}",
        ("GET", "/cluster", {"uuid": UUID, "details": "true"}, None),
        {**OWNED, "number_of_blocks": 3, "number_of_sections": 12},
        "UUID NAME VISIBILITY OWNER_ID NUMBER_OF_BLOCKS NUMBER_OF_SECTIONS PROJECT_ID CREATED_AT",
    ),
    (
        f"cluster get {UUID}",
        ("GET", "/cluster", {"uuid": UUID, "details": "true"}, None),
        {**OWNED, "number_of_blocks": 3, "number_of_sections": 12, "host": "cpu0", "cycles": 4, "metrics": METRICS},
        "UUID NAME VISIBILITY OWNER_ID NUMBER_OF_BLOCKS NUMBER_OF_SECTIONS PROJECT_ID CREATED_AT HOST CYCLES LOSS",
    ),
    (
        f"cluster save {UUID} -n before",
        ("POST", "/cluster/save", {}, {"name": "before", "cluster_uuid": UUID}),
        {"uuid": OTHER, "name": "before"},
        "UUID NAME",
    ),
    (
        f"cluster restore -c {OTHER} {UUID}",
        ("POST", "/cluster/load", {}, {"cluster_uuid": UUID, "checkpoint_uuid": OTHER}),
        {"uuid": OTHER},
        "UUID",
    ),
    (
        f"cluster mode {UUID} direct",
        ("PUT", "/cluster/set_mode", {}, {"uuid": UUID, "new_state": "DIRECT", "shared": False}),
        {"uuid": UUID, "name": "thing", "new_state": "DIRECT", "created_at": "now"},
        "UUID NAME NEW_STATE",
    ),
    (
        f"checkpoint label {UUID} --rename new --tags best,worst --about digits",
        ("PUT", "/checkpoint/labels", {}, {"uuid": UUID, "name": "new", "about": "digits", "tags": ["best", "worst"]}),
        {**OWNED, "about": "digits", "tags": ["best", "worst"]},
        OWNED_TITLES + " ABOUT TAGS",
    ),
    (
        f"checkpoint visibility {UUID} shared",
        ("PUT", "/checkpoint/visibility", {}, {"uuid": UUID, "visibility": "shared"}),
        OWNED,
        OWNED_TITLES,
    ),
    (
        f"cluster label {UUID} --rename new --tags best,worst --about digits",
        ("PUT", "/cluster/labels", {}, {"uuid": UUID, "name": "new", "about": "digits", "tags": ["best", "worst"]}),
        {**OWNED, "about": "digits", "tags": ["best", "worst"]},
        OWNED_TITLES + " ABOUT TAGS",
    ),
    (
        f"cluster visibility {UUID} shared",
        ("PUT", "/cluster/visibility", {}, {"uuid": UUID, "visibility": "shared"}),
        OWNED,
        OWNED_TITLES,
    ),
    (
        f"dataset label {UUID} --rename new --tags best,worst --about digits",
        ("PUT", "/dataset/labels", {}, {"uuid": UUID, "name": "new", "about": "digits", "tags": ["best", "worst"]}),
        {**OWNED, "about": "digits", "tags": ["best", "worst"]},
        OWNED_TITLES + " ABOUT TAGS",
    ),
    (
        f"dataset visibility {UUID} shared",
        ("PUT", "/dataset/visibility", {}, {"uuid": UUID, "visibility": "shared"}),
        OWNED,
        OWNED_TITLES,
    ),
    (
        f"cluster switch-host {UUID} {OTHER}",
        ("PUT", "/cluster/switch_host", {}, {"cluster_uuid": UUID, "host_uuid": OTHER}),
        OWNED,
        OWNED_TITLES,
    ),
    (
        f"dataset get {UUID}",
        ("GET", "/dataset", {"uuid": UUID, "details": "true"}, None),
        DATASET,
        "UUID NAME VERSION NUMBER_OF_COLUMNS NUMBER_OF_ROWS DESCRIPTION VISIBILITY OWNER_ID PROJECT_ID CREATED_AT",
    ),
    (
        f"dataset check -r {OTHER} {UUID}",
        ("GET", "/dataset/check", {"uuid": UUID, "reference_uuid": OTHER, "equal_rows": "true"}, None),
        {"accuracy": 91.22999572753906},
        "ACCURACY",
    ),
    (
        f"dataset check -r {OTHER} {UUID} --unequal",
        ("GET", "/dataset/check", {"uuid": UUID, "reference_uuid": OTHER}, None),
        {"accuracy": 91.22999572753906},
        "ACCURACY",
    ),
    (
        f"task create train lesson -c {UUID} -t 2 {' '.join(LINKS)}",
        (
            "POST",
            "/task/train",
            {},
            {
                "name": "lesson",
                "cluster_uuid": UUID,
                "inputs": INPUTS,
                "outputs": OUTPUTS,
                "time_length": 2,
                "equal_rows": True,
                "shuffle": True,
            },
        ),
        TASK,
        TASK_TITLES,
    ),
    (
        f"task create train lesson -c {UUID} {' '.join(LINKS)} --epochs 5 --seed 7 --no-shuffle"
        " --validation 0.2 --early-stopping 3 --class-weight 0:1,1:20 --sample-weight weight",
        (
            "POST",
            "/task/train",
            {},
            {
                "name": "lesson",
                "cluster_uuid": UUID,
                "inputs": INPUTS,
                "outputs": OUTPUTS,
                "time_length": 1,
                "equal_rows": True,
                "epochs": 5,
                "shuffle": False,
                "seed": 7,
                "validation": 0.2,
                "early_stopping": 3,
                "class_weight": {"0": 1.0, "1": 20.0},
                "sample_weight": "weight",
            },
        ),
        TASK,
        TASK_TITLES,
    ),
    (
        f"task create train lesson -c {UUID} {' '.join(LINKS)}"
        f" --validation {D1} --class-weight balanced --sample-weight {D2}:weight",
        (
            "POST",
            "/task/train",
            {},
            {
                "name": "lesson",
                "cluster_uuid": UUID,
                "inputs": INPUTS,
                "outputs": OUTPUTS,
                "time_length": 1,
                "equal_rows": True,
                "shuffle": True,
                "validation": D1,
                "class_weight": "balanced",
                "sample_weight": {"dataset_uuid": D2, "dataset_column": "weight"},
            },
        ),
        TASK,
        TASK_TITLES,
    ),
    (
        f"task create request exam -c {UUID} -i {D1}:picture:in,{D1}:picture:in -r out:guess",
        (
            "POST",
            "/task/request",
            {},
            {"name": "exam", "cluster_uuid": UUID, "inputs": INPUTS * 2, "results": RESULTS, "time_length": 1},
        ),
        TASK,
        TASK_TITLES,
    ),
    (
        f"task create train lesson -c {UUID} --unequal -i in:{D1} -i more:{D2},other:{D1} -o out:{D1}",
        (
            "POST",
            "/task/train",
            {},
            {
                "name": "lesson",
                "cluster_uuid": UUID,
                "inputs": {"in": D1, "more": D2, "other": D1},
                "outputs": {"out": D1},
                "time_length": 1,
                "shuffle": True,
            },
        ),
        TASK,
        TASK_TITLES,
    ),
    (
        f"task create request exam -c {UUID} -i in:{D1} -r out:guesses",
        (
            "POST",
            "/task/request",
            {},
            {
                "name": "exam",
                "cluster_uuid": UUID,
                "inputs": {"in": D1},
                "results": {"out": "guesses"},
                "time_length": 1,
            },
        ),
        TASK,
        TASK_TITLES,
    ),
    (
        f"task get {OTHER} -c {UUID}",
        ("GET", "/task", {"uuid": OTHER, "cluster_uuid": UUID, "details": "true"}, None),
        TASK,
        TASK_TITLES,
    ),
    (
        f"task get {OTHER} -c {UUID}",
        ("GET", "/task", {"uuid": OTHER, "cluster_uuid": UUID, "details": "true"}, None),
        {**TASK, "kind": "train", "datasets": [{"uuid": D1, "name": "digits"}], "error": "why", "attempts": 2},
        TASK_TITLES + " NAME KIND DATASETS ATTEMPTS ERROR",
    ),
]

LISTS = [
    ("user list", "/user/all", {}, USER, USER_TITLES),
    ("keypair list", "/keypair/all", {}, KEYPAIR, KEYPAIR_TITLES),
    ("project list", "/project/all", {}, PROJECT, "ID NAME CREATOR_ID CREATED_AT"),
    (
        "checkpoint list",
        "/checkpoint/all",
        {"details": "true"},
        {**OWNED, "size": 5, "cluster": "reader", "task": "lesson", "cycles": 7},
        OWNED_TITLES + " SIZE CLUSTER TASK CYCLES",
    ),
    ("cluster list", "/cluster/all", {"details": "true"}, {**OWNED, "cycles": 7}, OWNED_TITLES + " CYCLES"),
    ("cluster list --tag best", "/cluster/all", {"details": "true", "tag": "best"}, OWNED, OWNED_TITLES),
    ("dataset list", "/dataset/all", {"details": "true"}, {**OWNED, "rows": 7}, OWNED_TITLES + " ROWS"),
    (
        "host list",
        "/host/all",
        {"details": "true"},
        {"uuid": UUID, "type": "cpu", "name": "cpu0", "state": "ready"},
        "UUID TYPE NAME STATE",
    ),
    (
        f"task list -c {UUID}",
        "/task/all",
        {"cluster_uuid": UUID, "details": "true"},
        {
            "uuid": OTHER,
            "state": "failed",
            "percentage": "0.500000",
            "queued": "-",
            "start": "-",
            "end": "-",
            "name": "lesson",
            "kind": "train",
            "dataset": "digits",
            "error": "",
            "waiting": "for user 'ada'",
        },
        "UUID STATE PERCENTAGE QUEUED START END NAME KIND DATASET ERROR WAITING",
    ),
]

DELETIONS = [
    ("user", "ada1", "/user", {"id": "ada1"}),
    ("project", "proj", "/project", {"id": "proj"}),
    ("keypair", ACCESS_KEY, "/keypair", {"access_key": ACCESS_KEY}),
    ("checkpoint", UUID, "/checkpoint", {"uuid": UUID}),
    ("cluster", UUID, "/cluster", {"uuid": UUID}),
    ("dataset", UUID, "/dataset", {"uuid": UUID}),
    ("task", UUID, "/task", {"uuid": UUID, "cluster_uuid": OTHER}),
]


@pytest.mark.parametrize(("argv", "question", "answer", "titles"), SINGLE, ids=[case[0] for case in SINGLE])
def test_single_object(argv, question, answer, titles, api, run):
    method, path, query, body = question
    api.answer(method, path, answer)
    outcome = run(*argv.split())
    assert (outcome.code, outcome.err) == (0, "")
    assert api.asked(path) == [(method, query, body)]
    rows = [line.split("|")[1].strip() for line in outcome.out.splitlines() if line.startswith("|")]
    assert rows == [title.replace("_", " ") for title in titles.split()]
    assert json.loads(run(*argv.split(), "-j").out) == answer
    fields = run(*argv.split(), "--output", "csv").out.splitlines()[0]
    assert fields == titles.lower().replace(" ", ",")


@pytest.mark.parametrize(("argv", "path", "query", "row", "titles"), LISTS, ids=[case[0] for case in LISTS])
def test_list(argv, path, query, row, titles, api, run):
    answer = table_of(sorted(row), dict(sorted(row.items()))) if "task" not in argv else table_of(row, row)
    api.answer("GET", path, answer)
    outcome = run(*argv.split())
    assert (outcome.code, outcome.err) == (0, "")
    assert api.asked(path) == [("GET", query, None)]
    rule, header, again, _, end = outcome.out.splitlines()
    assert rule == again == end
    assert [cell.strip().replace(" ", "_") for cell in header.strip("|").split("|")] == titles.split()
    assert json.loads(run("-j", *argv.split()).out) == answer
    header, line = run("--output=csv", *argv.split()).out.splitlines()
    assert header == titles.lower().replace(" ", ",")
    assert line == ",".join("false" if row[name] is False else str(row[name]) for name in header.split(","))


@pytest.mark.parametrize(("noun", "name", "path", "query"), DELETIONS)
@pytest.mark.parametrize("form", [[], ["-j"], ["--output", "csv"]])
def test_delete(noun, name, path, query, form, api, run):
    api.answer("DELETE", path, {})
    cluster = ["-c", OTHER] if noun == "task" else []
    outcome = run(noun, "delete", name, *cluster, *form)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"successfully deleted {noun} '{name}'\n", "")
    assert api.asked(path) == [("DELETE", query, None)]


def test_what_made_a_cluster(api, run):
    datasets = [{"uuid": D1, "name": "pictures"}, {"uuid": D2, "name": "labels"}]
    more = {"state": "finished", "rows": 5, "ended_at": "2026-11-21 19:51:42", "datasets": datasets}
    trainings = [{"number": 1, "name": "lesson #1", **more}, {"number": 2, "name": "more", **more, "state": "aborted"}]
    template = "version: 1\nhexagons:\n    1,1,1\n    2,1,1\n"
    answer = {**OWNED, "version": 3, "stored_at": "-", "number_of_trainings": 2, "trainings": trainings}
    api.answer("GET", "/cluster", {**answer, "template": template})
    lines = run("cluster", "get", UUID).out.splitlines()
    shown = [line.strip("|").partition("|")[2].rstrip() for line in lines[-7:-1]]
    assert shown == [
        " 1. lesson #1: 5 rows of pictures, labels, 2026-11-21 19:51:42",
        " 2. more aborted: 5 rows of pictures, labels, 2026-11-21 19:51:42",
        " version: 1",
        " hexagons:",
        "     1,1,1",
        "     2,1,1",
    ]
    point = {**OWNED, "size": 5, "metrics": METRICS, "seed": 7, "version": 3, "imported": True}
    api.answer("GET", "/checkpoint", {**point, "trainings": [{**trainings[0], "imported": True}]})
    shown = run("checkpoint", "get", UUID).out
    assert "| 1. lesson #1 (imported): 5 rows of pictures, labels" in shown
    assert [line.split()[1::2] for line in shown.splitlines()[-4:-1]] == [
        ["SEED", "7"],
        ["VERSION", "3"],
        ["IMPORTED", "true"],
    ]


def test_a_table_of_the_manual(api, run):
    api.answer("POST", "/task/train", TASK)
    assert run("task", "create", "train", *LINKS, "-c", UUID, "lesson").out == dedent(f"""
        +------------------------+--------------------------------------+
        | UUID                   | {UUID} |
        | STATE                  | active                               |
        | CURRENT CYCLE          | 171                                  |
        | TOTAL NUMBER OF CYCLES | 60000                                |
        | QUEUE TIMESTAMP        | 2024-07-13 22:21:13                  |
        | START TIMESTAMP        | 2024-07-13 22:21:13                  |
        | END TIMESTAMP          | -                                    |
        +------------------------+--------------------------------------+
    """).lstrip("\n")
