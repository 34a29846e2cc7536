"""Commands of `hanamictl` about the server itself: measurements, the machine and its logs."""

import json

import pytest

from tests.cli.test_cli_commands import table_of

RINGS = {"seconds": [0.0, 2.0, 4.0], "minutes": [3.14159], "hours": [0.0] * 24, "days": []}


@pytest.mark.parametrize(
    ("what", "path", "key", "unit"),
    [
        ("power", "/power_consumption", "power", "W"),
        ("temperature", "/temperature_production", "temperature", "°C"),
        ("speed", "/speed", "current_speed", "MHz"),
    ],
)
def test_measurements(what, path, key, unit, api, run):
    api.answer("GET", path, {key: RINGS})
    assert run("measurements", what, "--output", "csv").out.splitlines() == [
        "span,values,newest,mean,lowest,highest,unit",
        f"seconds,2,4,3,2,4,{unit}",
        f"minutes,1,3.14,3.14,3.14,3.14,{unit}",
        f"hours,0,-,-,-,-,{unit}",
        f"days,0,-,-,-,-,{unit}",
    ]
    assert json.loads(run("measurements", what, "-j").out) == {key: RINGS}
    lines = run("measurements", what, "--span", "seconds").out.splitlines()
    assert lines[1].split("|")[1].strip() == "SECONDS AGO"
    assert [line.split("|")[1:3] for line in lines[3:-1]] == [
        [" 0           ", " 4     "],
        [" 1           ", " 2     "],
    ]
    api.answer("GET", path, {key: {"seconds": None}})
    assert run("measurements", what).err == f"unexpected answer of the server: no numbers in '{key}' 'seconds'\n"


def test_system_info(api, run):
    cores = [{"id": 0, "current_speed": 2600000, "maximum_speed": 3100000, "threads": [{"id": 0}, {"id": 1}]}] * 2
    package = {"id": 0, "thermal_spec": 65.0, "power": 12.5, "cores": cores}
    answer = {"info": {"hostname": "vm", "has_hyperthreading": True, "packages": [package]}}
    api.answer("GET", "/system_info", answer)
    assert run("system", "info", "--output", "csv").out.splitlines() == [
        "hostname,has_hyperthreading,packages,cores,threads,thermal_spec,power,current_speed,maximum_speed",
        "vm,true,1,2,4,65,12.5,2600,3100",
    ]
    assert "| HAS HYPERTHREADING | true" in run("system", "info").out
    assert json.loads(run("system", "info", "-j").out) == answer
    api.answer("GET", "/system_info", {"info": {}})
    assert run("system", "info").err == "unexpected answer of the server: no machine in 'info'\n"


def test_threading(api, run):
    answer = {"thread_map": {"cpu0/main": [0, 1], "api/main": [0]}}
    api.answer("GET", "/threading", answer)
    assert run("system", "threading").out.splitlines()[1:5:2] == [
        "|  THREAD   | PROCESSORS |",
        "| api/main  | [0]        |",
    ]
    assert json.loads(run("system", "threading", "-j").out) == answer
    api.answer("GET", "/threading", {})
    assert run("system", "threading").err == "unexpected answer of the server: no threads in 'thread_map'\n"


@pytest.mark.parametrize(("noun", "path"), [("audit", "/audit_log"), ("error", "/error_log")])
def test_logs(api, run, noun, path):
    row = {"created_at": "2026-11-21 19:51:42", "user_id": "asdf"}
    api.answer("GET", path, table_of(row, row))
    outcome = run("logs", noun, "--user", "asdf", "--page", "2")
    assert outcome.out.splitlines()[1:4:2] == [
        "|     CREATED AT      | USER ID |",
        "| 2026-11-21 19:51:42 | asdf    |",
    ]
    run("logs", noun)
    assert api.asked(path) == [("GET", {"user_id": "asdf", "page": "2"}, None), ("GET", {"page": "0"}, None)]


@pytest.mark.parametrize(("noun", "path"), [("audit", "/audit_log"), ("error", "/error_log")])
def test_a_whole_log(noun, path, api, run):
    pages = [{"header": ["n"], "body": [[100 * page + row] for row in range(count)]} for page, count in PAGES]
    api.answer("GET", path, *pages)
    assert run("logs", noun, "--all", "--output", "csv").out.split() == ["n", *map(str, range(207))]
    assert [query["page"] for _, query, _ in api.asked(path)] == ["0", "1", "2"]
    api.answer("GET", path, *pages)
    assert json.loads(run("logs", noun, "--all", "-j").out) == {"header": ["n"], "body": [[n] for n in range(207)]}
    api.answer("GET", path, *pages)
    assert len(run("logs", noun, "--output", "csv").out.split()) == 101


PAGES = ((0, 100), (1, 100), (2, 7))
