"""Tables must look to the character as users know them from the manual."""

from itertools import product
from textwrap import dedent

import pytest

from hanami_cli.table import display_width, render, title, wrap
from hanami_cli.values import as_cell, as_text
from hanami_cli.views import Content, Listing, Record


def drawn(text):
    return dedent(text).strip("\n")


def test_single_object_of_the_specification():
    user = {
        "id": "alice",
        "name": "Alice",
        "is_admin": False,
        "projects": [{"role": "member", "project_id": "proj1", "is_project_admin": False}],
        "creator_id": "HANAMI_INIT",
        "created_at": "2026-11-21 19:51:42",
    }
    fields = ("id", "name", "is_admin", "projects", "creator_id", "created_at")
    assert Record(user, fields).table() == drawn("""
        +------------+--------------------------------+
        | ID         | alice                          |
        | NAME       | Alice                          |
        | IS ADMIN   | false                          |
        | PROJECTS   | [map[is_project_admin:false    |
        |            | project_id:proj1 role:member]] |
        | CREATOR ID | HANAMI_INIT                    |
        | CREATED AT | 2026-11-21 19:51:42            |
        +------------+--------------------------------+
    """)


def test_list_of_the_specification():
    answer = {
        "header": ["uuid", "state"],
        "body": [["8a61c03e-dc7f-49ed-8da2-3d4adb8b8d49", "finished"]],
    }
    assert Listing.from_answer(answer).table() == drawn("""
        +--------------------------------------+----------+
        |                 UUID                 |  STATE   |
        +--------------------------------------+----------+
        | 8a61c03e-dc7f-49ed-8da2-3d4adb8b8d49 | finished |
        +--------------------------------------+----------+
    """)


def test_content_of_the_specification():
    assert Content([[0.5, 1.0], [0.25, 12345.678]], 100).table() == drawn("""
        +-----+----------+--------------+
        |     |    0     |      1       |
        +-----+----------+--------------+
        | 100 | 0.500000 | 1.000000     |
        | 101 | 0.250000 | 12345.678000 |
        +-----+----------+--------------+
    """)


def test_user_list_of_the_manual():
    answer = {
        "header": ["created_at", "id", "name", "creator_id", "projects", "is_admin"],
        "body": [
            ["2024-06-26 16:57:35", "asdf", "asdf", "HANAMI_INIT", [], True],
            ["2024-07-12 20:52:21", "cli_test_user", "cli test user", "asdf", [], False],
        ],
    }
    wanted = ("id", "name", "is_admin", "projects", "creator_id", "created_at")
    assert Listing.from_answer(answer, wanted).table() == drawn("""
        +---------------+---------------+----------+----------+-------------+---------------------+
        |      ID       |     NAME      | IS ADMIN | PROJECTS | CREATOR ID  |     CREATED AT      |
        +---------------+---------------+----------+----------+-------------+---------------------+
        | asdf          | asdf          | true     | []       | HANAMI_INIT | 2024-06-26 16:57:35 |
        | cli_test_user | cli test user | false    | []       | asdf        | 2024-07-12 20:52:21 |
        +---------------+---------------+----------+----------+-------------+---------------------+
    """)


def test_dataset_of_the_manual():
    answer = {
        "uuid": "0923f01b-90ff-4323-9c18-fcfb655985d4",
        "number_of_rows": 1723,
        "description": {
            "test_input": {"column_start": 0, "column_end": 1},
            "test": {"column_start": 1, "column_end": 2},
        },
    }
    fields = ("uuid", "number_of_rows", "description", "created_at")
    assert Record(answer, fields).table() == drawn("""
        +----------------+-------------------------------------------------------------------------------------------+
        | UUID           | 0923f01b-90ff-4323-9c18-fcfb655985d4                                                      |
        | NUMBER OF ROWS | 1723                                                                                      |
        | DESCRIPTION    | {"test":{"column_end":2,"column_start":1},"test_input":{"column_end":1,"column_start":0}} |
        | CREATED AT     | <nil>                                                                                     |
        +----------------+-------------------------------------------------------------------------------------------+
    """)


def test_empty_list_is_the_header_between_three_rules():
    assert Listing.from_answer({"header": ["uuid", "type"], "body": []}).table() == drawn("""
        +------+------+
        | UUID | TYPE |
        +------+------+
        +------+------+
    """)


def test_content_without_rows_is_no_error():
    assert Content([], 0).table() == drawn("""
        +--+
        |  |
        +--+
        +--+
    """)


def test_wide_characters_take_two_columns():
    assert display_width("花見") == 4
    assert display_width("e\u0301") == 1
    assert render([["花見", "x"], ["abcd", "y"]]) == drawn("""
        +------+---+
        | 花見 | x |
        | abcd | y |
        +------+---+
    """)


def test_cells_of_a_row_are_filled_up_to_the_highest():
    tall = "aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb"
    assert render([["x", tall, "y"]]) == drawn("""
        +---+----------------------+---+
        | x | aaaaaaaaaaaaaaaaaaaa | y |
        |   | bbbbbbbbbbbbbbbbbbbb |   |
        +---+----------------------+---+
    """)


@pytest.mark.parametrize(("name", "expected"), [("owner_id", "OWNER ID"), ("_x_", "X"), ("", ""), ("0", "0")])
def test_title(name, expected):
    assert title(name) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a b c", ["a b c"]),
        ("x" * 40, ["x" * 40]),
        ("a " + "x" * 40, ["a", "x" * 40]),
        ("one\ntwo", ["one two"]),
        ("a" * 30 + " " + "b" * 30, ["a" * 30, "b" * 30]),
        ("a b " + "c" * 28, ["a b", "c" * 28]),
    ],
)
def test_wrap(text, lines):
    assert wrap(text) == lines


@pytest.mark.parametrize("text", ["aaa bb cc ddddd", "a bb ccc d eeee f", "aa bbbb c d e fffff g", "a  b   cc"])
@pytest.mark.parametrize("limit", [5, 6, 7, 9])
def test_wrap_is_as_even_as_any_other_way_to_break(text, limit):
    def cost(lines):
        return sum((limit - len(line)) ** 2 for line in lines[:-1])

    words = text.split(" ")
    ways = []
    for breaks in product(" \n", repeat=len(words) - 1):
        joined = words[0] + "".join(mark + word for mark, word in zip(breaks, words[1:], strict=True))
        if all(len(line) <= limit for line in joined.split("\n")):
            ways.append(joined.split("\n"))
    assert wrap(text, limit) in ways
    assert cost(wrap(text, limit)) == min(map(cost, ways))


def test_a_long_text_is_wrapped_quickly():
    lines = wrap("word " * 20_000)
    assert max(map(len, lines)) <= 30


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        (794, "794"),
        (1_000_000, "1000000"),
        (1e6, "1000000"),
        (60000.0, "60000"),
        (92.07999420166016, "92.07999420166016"),
        (-0.5, "-0.5"),
        ([], "[]"),
        ([1, "a", None], "[1 a <nil>]"),
        ([{"b": 1, "a": [True]}], "[map[a:[true] b:1]]"),
        ("two\nlines\tand \x1b[31mred\x07", r"two lines and \x1b[31mred\x07"),
        ("right\u202eleft", r"right\u202eleft"),
    ],
)
def test_values_read_as_in_go_but_whole_numbers_stay_whole(value, text):
    assert as_text(value) == text


def test_an_object_in_the_single_view_is_compact_json():
    assert as_cell({"b": 1.0, "a": ["x", None]}) == '{"a":["x",null],"b":1}'
