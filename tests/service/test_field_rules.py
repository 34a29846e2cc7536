"""Every field of every route at its edges: what breaks a rule is refused and named, what does not is accepted.

The table holds the rules that the API promises, written by hand, so that it does not agree with the code by definition.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import pytest

from hanami_server.demo.scenario import TEMPLATE
from tests.service.wire import NOBODY, Answer, Wire


class Kind(NamedTuple):
    """A kind of field: the name of its JSON type, wrong values with the broken rule, and right ones at the edges."""

    type: str
    wrong: list[tuple[Any, str]]
    right: list[Any]


def regex(pattern: str) -> str:
    return f"""Given item '{{}}' doesn't match with regex "{pattern}\""""


SHORT, LONG = "Given item '{}' is shorter than 4 characters", "Given item '{}' is longer than 254 characters"
TOO_LONG = [("a" * 255, LONG), ("é" * 128, LONG), ("a" * 7000, LONG)]


def wrong(rule: str, texts: list[str]) -> list[tuple[Any, str]]:
    return [*TOO_LONG, *((text, rule) for text in texts)]


HOSTILE = ["", "abcd\n", "ab/c", "../abc", "abc\x00", "{}ab", "abc'--", "ab:c", "ab c "]
ID = Kind(
    "string",
    [
        ("abc", SHORT),
        *wrong(
            regex(r"^[a-zA-Z][a-zA-Z_0-9]*$"),
            [*HOSTILE, "1abc", "_abc", "abcé", "ab.c", "12345", "ab-c", "ab c", "ab@c"],
        ),
    ],
    ["abcd", "a" * 254, "true", "null", "A_09"],
)
USER_ID = Kind(
    "string",
    [
        ("a", "Given item '{}' is shorter than 2 characters"),
        *wrong(
            "Given item '{}' is not a valid user ID: ASCII letters", [*HOSTILE, "_abc", "abcé", "ab c", "@abc", ".abc"]
        ),
    ],
    ["abcd", "a" * 254, "true", "null", "a@_9", "ada.lovelace+net@example-1.org", "12345", "al"],
)
NAME = Kind(
    "string",
    wrong(
        "Given item '{}' is not a valid name: letters",
        [*HOSTILE, " abc", "#abc", "ab\u200bc", "ab\u202ec", "ab\u2215c"],
    ),
    ["abcd", "a" * 254, "true", "null", "a-_ 9", "é" * 127, "5", "x", "my run #1", "Blüte 🌸 2.1"],
)
LONG_USER_ID = Kind(
    "string", [w for w in USER_ID.wrong if w[1] != LONG] + [("a" * 257, LONG.replace("254", "256"))], ["a" * 256]
)
LOG_USER = Kind("string", [("a" * 255, LONG), ("_abc", "doesn't match"), ("a b", "doesn't match")], ["abcd", "a" * 254])
HEX = r"[a-fA-F0-9]"
UUID_RULE = regex(rf"^{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}$")
UUID = Kind(
    "string",
    [(text, UUID_RULE) for text in ("", "x", NOBODY[:-1], "g" + NOBODY[1:], NOBODY.replace("-", "0"), "' OR 1=1 --")]
    + [(NOBODY + "0", "Given item '{}' is longer than 36 characters")],
    [NOBODY, "ABCDEFAB-cdef-4000-8000-00000000FFFF"],
)
BASE64 = Kind(
    "string",
    [(text, "doesn't match with regex") for text in ("AAAAAAA", "AAAA=AAA", "AAAA AAA", "-_-_AAAA", "ÄÄÄÄ")]
    + [("AAAA", "Given item '{}' is shorter than 8 characters"), ("AAAAAAA=", "is shorter than 8 characters")]
    + [("A" * 4100, "Given item '{}' is longer than 4096 characters")],
    ["AAAAAAAAAAA=", "A" * 4096],
)
PLAIN = Kind(
    "string",
    [
        ("a" * 7, "is shorter than 8 characters"),
        ("a" * 4097, "is longer than 4096"),
        ("é" * 2049, "is longer than 4096"),
    ],
    ["a" * 8, "é" * 4, "é" * 2048, "12345678", "true1234", "\x00" * 8],
)
TEMPLATE64 = Kind(
    "string",
    [("%%%", "Uploaded template is not a valid base64-String."), ("A" * ((1 << 17) + 1), "is longer than 131072")],
    [],
)
STATE = Kind("string", [(text, "doesn't match") for text in ("", "task", "TASK ", "OFF", "direct")], ["TASK", "DIRECT"])
VISIBILITY = Kind(
    "string", [(text, "doesn't match") for text in ("", "Shared", "all", "public ", "private\n")], ["shared", "public"]
)
COLUMN = Kind("string", [("", "shorter than 1"), ("é" * 128, LONG)], ["a", "é" * 127, "with, comma", "5"])
ABOUT = Kind("string", [("a" * 4097, LONG.replace("254", "4096"))], ["", "é" * 2048])
BOOL = Kind("bool", [], [True, False])
SOURCE = Kind("array", [([5], "Value-validation failed"), ({"a": 5}, "Value-validation failed")], [[], {}])
ENDPOINT = Kind("string", [("abc", SHORT), ("a" * 257, "longer than 256"), ("v1-0", "doesn't match")], ["a" * 256])


def integer(least: int, most: int) -> Kind:
    wrong: list[tuple[Any, str]] = [(least - 1, f"Given item '{{}}' is smaller than {least}")]
    wrong += [(value, f"Given item '{{}}' is bigger than {most}") for value in (most + 1, 2**32 + most, 2**63 - 1)]
    return Kind("int", wrong, [least, most])


SIZE, TIME = integer(1, 10_000_000_000), integer(1, 1000)
PAGE, OFFSET, ROWS, HTTP_TYPE = integer(0, 10**9), integer(0, 10**9), integer(1, 10_000), integer(1, 5)

FIELDS: dict[str, dict[str, Kind]] = {
    "POST token": {"id": USER_ID, "passphrase": BASE64},
    "PUT token": {"project_id": ID},
    "GET auth": {"endpoint": ENDPOINT, "http_type": HTTP_TYPE},
    "POST user": {"id": USER_ID, "name": NAME, "passphrase": BASE64, "password?": PLAIN, "is_admin?": BOOL},
    "GET user": {"id": LONG_USER_ID},
    "DELETE user": {"id": LONG_USER_ID},
    "POST user/project": {"id": USER_ID, "project_id": ID, "role": ID, "is_project_admin?": BOOL},
    "DELETE user/project": {"id": USER_ID, "project_id": ID},
    "GET user/project": {"user_id?": USER_ID},
    "PUT user/passphrase": {"id?": USER_ID, "passphrase": BASE64, "current_passphrase": BASE64},
    "POST project": {"id": ID, "name": NAME},
    "GET project": {"id": ID},
    "DELETE project": {"id": ID},
    "POST dataset/upload/mnist": {"name": NAME, "input_data_size": SIZE, "label_data_size": SIZE},
    "PUT dataset/upload/mnist": {"uuid": UUID, "uuid_input_file": UUID, "uuid_label_file": UUID},
    "POST dataset/upload/csv": {"name": NAME, "input_data_size": SIZE},
    "PUT dataset/upload/csv": {"uuid": UUID, "uuid_input_file": UUID},
    "GET dataset": {"uuid": UUID},
    "DELETE dataset": {"uuid": UUID},
    "GET dataset/progress": {"uuid": UUID},
    "PUT dataset/visibility": {"uuid": UUID, "visibility": VISIBILITY},
    "PUT cluster/visibility": {"uuid": UUID, "visibility": VISIBILITY},
    "PUT checkpoint/visibility": {"uuid": UUID, "visibility": VISIBILITY},
    "PUT dataset/labels": {"uuid": UUID, "name??": NAME, "about??": ABOUT},
    "PUT cluster/labels": {"uuid": UUID, "name??": NAME, "about??": ABOUT},
    "PUT checkpoint/labels": {"uuid": UUID, "name??": NAME, "about??": ABOUT},
    "GET dataset/check": {"uuid": UUID, "reference_uuid": UUID},
    "GET dataset/content": {"uuid": UUID, "column_name": COLUMN, "row_offset?": OFFSET, "number_of_rows?": ROWS},
    "POST cluster": {"name": NAME, "template?": TEMPLATE64},
    "GET cluster": {"uuid": UUID},
    "DELETE cluster": {"uuid": UUID},
    "POST cluster/save": {"name": NAME, "cluster_uuid": UUID},
    "POST cluster/load": {"cluster_uuid": UUID, "checkpoint_uuid": UUID},
    "PUT cluster/set_mode": {"uuid": UUID, "new_state": STATE, "connection_uuid??": UUID},
    "PUT cluster/switch_host": {"cluster_uuid": UUID, "host_uuid": UUID, "hexagon_id??": integer(0, 10**9)},
    "POST task/train": {"name": NAME, "cluster_uuid": UUID, "inputs": SOURCE, "outputs": SOURCE, "time_length?": TIME},
    "POST task/request": {
        "name": NAME,
        "cluster_uuid": UUID,
        "inputs": SOURCE,
        "results": SOURCE,
        "time_length?": TIME,
    },
    "GET task": {"uuid": UUID, "cluster_uuid": UUID},
    "DELETE task": {"uuid": UUID, "cluster_uuid": UUID},
    "GET task/all": {"cluster_uuid": UUID},
    "GET checkpoint": {"uuid": UUID},
    "DELETE checkpoint": {"uuid": UUID},
    "GET audit_log": {"page": PAGE, "user_id?": LOG_USER},
    "GET error_log": {"page": PAGE, "user_id?": LOG_USER},
}
"""A field that may be left out ends with a question mark, one that may be null with two."""
CREATING = ("POST user", "POST project", "POST dataset/upload/mnist", "POST dataset/upload/csv", "POST cluster")
"""What succeeds without anything to refer to."""
WITHOUT_FIELDS = (
    "threading", "system_info", "power_consumption", "temperature_production", "speed",
)  # fmt: skip
LISTS = ("user/all", "project/all", "host/all", "dataset/all", "cluster/all", "checkpoint/all", "task/all")
OF_ANOTHER_TYPE: dict[str, list[Any]] = {
    "string": [5, 5.5, True, None, [], {}, ["abcd"]],
    "int": ["5", 5.0, True, None, [], {}],
    "bool": [1, 0, "true", None, [], {}],
    "array": [5, "x", True, None],
}


def bare(field: str) -> str:
    return field.rstrip("?")


def sample(call: str) -> dict[str, Any]:
    """Return values that are right and refer to nothing."""
    kinds = {name: kind for name, kind in FIELDS[call].items() if not name.endswith("?")}
    return {name: kind.right[0] for name, kind in kinds.items()}


@pytest.fixture
def say(wire: Wire) -> Any:
    """Return a function that sends fields."""

    def send(call: str, fields: dict[str, Any]) -> Answer:
        method, path = call.split()
        return wire.call(method, path, fields)

    return send


CASES = [(call, field) for call, kinds in FIELDS.items() for field in kinds]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("call", "field"), CASES)
def test_a_wrong_field_is_named_with_its_rule(say: Any, call: str, field: str) -> None:
    kind, name, rest = FIELDS[call][field], bare(field), sample(call)
    if name == "password":
        del rest["passphrase"]
    for value, rule in kind.wrong:
        answer = say(call, rest | {name: value})
        assert answer.status == 400, (value, answer)
        assert rule.replace("{}", name) in answer.text, (value, answer)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("call", "field"), [case for case in CASES if not case[1].endswith("?")])
def test_a_missing_field_is_named(say: Any, call: str, field: str) -> None:
    rest = sample(call)
    del rest[field]
    text = f"Validation failed, because variable '{field}' is required, but is not set."
    assert say(call, rest) == (400, text)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("call", "field"), [case for case in CASES if case[0].split()[0] in ("POST", "PUT")])
def test_a_value_of_another_type_is_refused(say: Any, call: str, field: str) -> None:
    kind, name = FIELDS[call][field], bare(field)
    text = f"Value-validation failed, because a item '{name}'  has the false type: Exprect {kind.type}-type."
    for value in OF_ANOTHER_TYPE[kind.type]:
        if value is not None or not field.endswith("??"):
            assert say(call, sample(call) | {name: value}) == (400, text), value


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("call", "field"), [c for c in CASES if c[0].startswith("GET") and FIELDS[c[0]][c[1]].type == "int"]
)
def test_a_text_in_a_query_is_no_number(say: Any, call: str, field: str) -> None:
    name = bare(field)
    text = f"Value-validation failed, because a item '{name}'  has the false type: Exprect int-type."
    for value in ("", "x", "5.0", "1e1", "+1", "0x1", " 1", "1_0", "१", "true", "None"):
        assert say(call, sample(call) | {name: value}) == (400, text), value
    for value, rule in (
        (2**63, "bigger than"),
        (2**64, "bigger than"),
        (10**400, "bigger than"),
        (-(2**64), "smaller"),
    ):
        answer = say(call, sample(call) | {name: value})
        assert answer.status == 400, value
        assert f"Given item '{name}' is {rule}" in answer.text


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("call", "field"), [case for case in CASES if case[0] not in CREATING])
def test_a_value_at_the_edge_is_no_error_of_the_field(say: Any, call: str, field: str) -> None:
    """What it refers to does not exist, so that nothing happens."""
    kind, name = FIELDS[call][field], bare(field)
    for value in [*kind.right, *([None] if field.endswith("??") else [])]:
        answer = say(call, sample(call) | {name: value})
        assert answer.status in (200, 401, 404), (value, answer)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("call", [*FIELDS, *(f"GET {path}" for path in (*WITHOUT_FIELDS, *LISTS))])
def test_an_unknown_field_comes_before_everything_else(wire: Wire, call: str) -> None:
    method, path = call.split()
    for fields in ({"zzz": 1, "aaa": 2}, {"aaa": "99999999999999999999"}, {"aaa": ""}):
        text = "Validation failed, because item 'aaa' is not in the list of allowed keys"
        assert wire.call(method, path, fields) == (400, text)
    if method == "GET":
        assert wire.query(method, path, **{"a'b": 1}).text.startswith("Validation failed, because item 'a'b' is not")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "call", [call for call, fields in FIELDS.items() if len(fields) > 1 and not call.startswith("GET")]
)
def test_fields_are_looked_at_in_their_order(say: Any, call: str) -> None:
    required = sorted(field for field in FIELDS[call] if not field.endswith("?"))
    if call not in ("POST token", "POST user", "POST user/project", "PUT user/passphrase"):
        assert say(call, {}).text == f"Validation failed, because variable '{required[0]}' is required, but is not set."
    wrong: Any = "!" if call.startswith("DELETE") else {"!": 5.5}
    assert f"'{required[0]}'" in say(call, dict.fromkeys(required, wrong)).text


def test_values_at_the_edge_make_things(wire: Wire) -> None:
    longest = "a" * 254
    for user in ("true", "ada.lovelace+net@example-1.org", "null", longest):
        for name in ("true", "Blüte 🌸 2.1", longest):
            made = wire.body("POST", "user", {"id": user, "name": name, "password": "é" * 2048})
            assert made.json["id"] == user
            row = next(row for row in wire.query("GET", "user/all").json["body"] if row[1] == user)
            assert row[1:3] == [user, name]
            assert wire.query("GET", "user", id=user).json["name"] == name
            assert wire.query("DELETE", "user", id=user) == (200, "{}")
    for project in ("true", "A_09", longest):
        assert wire.body("POST", "project", {"id": project, "name": "false"}).json["name"] == "false"
        assert [project, "false"] in [row[1:3] for row in wire.query("GET", "project/all").json["body"]]
        assert wire.query("DELETE", "project", id=project) == (200, "{}")
    for size in (1, 10_000_000_000):
        created = wire.body("POST", "dataset/upload/csv", {"name": "5", "input_data_size": size}).json
        assert wire.query("DELETE", "dataset", uuid=created["uuid"]) == (200, "{}")
    for fields in ({}, {"template": ""}, {"template": base64.b64encode(TEMPLATE.encode()).decode()}):
        created = wire.body("POST", "cluster", {"name": longest} | fields).json
        assert wire.query("GET", "cluster", uuid=created["uuid"]).json["name"] == longest
        assert wire.query("DELETE", "cluster", uuid=created["uuid"]) == (200, "{}")
