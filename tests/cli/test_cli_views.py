"""JSON and CSV output, and answers that have not the shape they should have."""

import json
import sys

import pytest

from hanami_cli.errors import CliError
from hanami_cli.views import Content, Listing, Message, Record, show

TABLE = {"header": ["created_at", "uuid", "name"], "body": [["now", "u1", "a,b"], ["now", "u2", None]]}


def test_json_is_indented_sorted_and_whole():
    answer = {"b": 1.0, "a": [{"z": None, "y": 0.5}]}
    assert Record(answer, ("b",)).json() == (
        '{\n    "a": [\n        {\n            "y": 0.5,\n            "z": null\n        }\n    ],\n    "b": 1\n}'
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e6, "1000000"),
        (-3.0, "-3"),
        (92.07999420166016, "92.07999420166016"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (2.5e-05, "0.000025"),
        (-1.2345e-06, "-0.0000012345"),
        (1e-06, "0.000001"),
        (1e-07, "1e-7"),
        (1.25e-10, "1.25e-10"),
        (5e-324, "5e-324"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_json_has_the_numbers_of_go(number, text):
    assert Record({"n": number}, ()).json() == f'{{\n    "n": {text}\n}}'
    assert json.loads(text) == number


def test_json_escapes_what_html_would_read():
    text = Record({"name": "<a> & ü\u2028"}, ()).json()
    assert r"\u003ca\u003e \u0026 ü\u2028" in text
    assert json.loads(text) == {"name": "<a> & ü\u2028"}


def test_json_of_a_list_is_the_whole_answer():
    assert json.loads(Listing.from_answer(TABLE, ("uuid",)).json()) == TABLE


def test_json_of_content_is_only_the_rows():
    assert json.loads(Content([[0.5, 2.0]], 7).json()) == [[0.5, 2]]


def test_csv_of_an_object():
    answer = {"name": 'with "quotes", and more', "projects": [{"b": 1}], "n": 1.0, "yes": True}
    assert Record(answer, ("name", "projects", "n", "yes", "absent")).csv() == (
        'name,projects,n,yes,absent\n"with ""quotes"", and more","[{""b"":1}]",1,true,'
    )


def test_csv_of_a_list_has_the_wanted_columns():
    assert Listing.from_answer(TABLE, ("uuid", "missing", "name")).csv() == 'uuid,name\nu1,"a,b"\nu2,'


def test_csv_of_content_is_exact():
    assert Content([[0.1, 1e-7], [3.0, 2.5]], 10).csv() == "row,0,1\n10,0.1,1e-07\n11,3,2.5"


def test_list_of_objects():
    answer = {"projects": [{"role": "member", "project_id": "p"}]}
    assert Listing.from_objects(answer, "projects", ("project_id", "role", "x")).csv() == "project_id,role,x\np,member,"


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_message_is_the_same_in_every_format(form, capsys):
    show(Message("done"), form)
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_output_ends_with_one_newline(form, capsys):
    show(Listing.from_answer(TABLE), form)
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert not out.endswith("\n\n")


LISTING = Listing.from_answer(TABLE, ("uuid", "name"))
NARROW = """\
+------+-----+
| UUID | u1  |
| NAME | a,b |
+------+-----+
+------+-------+
| UUID | u2    |
| NAME | <nil> |
+------+-------+
"""


@pytest.fixture
def shown(monkeypatch, capsys):
    """Show a view on a terminal of so many columns, or where there is none."""

    def shown(view, form="table", columns=0):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: columns > 0, raising=False)
        show(view, form)
        return capsys.readouterr().out.removesuffix("\n")

    return shown


def test_a_list_that_is_wider_than_the_terminal_is_shown_row_by_row(shown):
    table = LISTING.table()
    width = len(table.splitlines()[0])
    assert shown(LISTING, columns=width) == table
    assert shown(LISTING, columns=width - 1) == NARROW.removesuffix("\n")
    assert shown(LISTING, columns=0) == table, "a pipe has no width"
    assert shown(LISTING, "csv", width - 1) == LISTING.csv()
    empty = Listing.from_answer({"header": TABLE["header"], "body": []})
    assert shown(empty, columns=width - 1) == empty.table()


@pytest.mark.parametrize(
    "answer",
    [{}, {"header": ["a"]}, {"body": []}, {"header": "a", "body": []}, {"header": ["a"], "body": [["x", "y"]]}],
)
def test_a_list_of_another_shape_is_an_error(answer):
    with pytest.raises(CliError, match="unexpected answer of the server"):
        Listing.from_answer(answer)


@pytest.mark.parametrize("answer", [{}, {"projects": None}, {"projects": ["x"]}])
def test_objects_of_another_shape_are_an_error(answer):
    with pytest.raises(CliError, match="unexpected answer of the server"):
        Listing.from_objects(answer, "projects", ("role",))


@pytest.mark.parametrize("answer", [{}, {"data": 1}, {"data": [1]}, {"data": [[1.0], []]}, {"data": [["x"]]}])
def test_content_of_another_shape_is_an_error(answer):
    with pytest.raises(CliError, match="unexpected answer of the server"):
        Content.from_answer(answer, 0)
