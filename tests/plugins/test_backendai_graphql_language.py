"""Filters and orders of GraphQL's lists: SQL and Python find the same rows, and nothing breaks the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.errors import BadRequest
from hanami_core.storage.database import atomic
from hanami_plugins.backendai_admin.items import ordered, predicate
from hanami_plugins.backendai_admin.language import LONGEST, MOST_PARTS, Kind, parse_filter, parse_order
from hanami_plugins.backendai_admin.pages import page_of_items, page_of_rows
from hanami_plugins.backendai_admin.patterns import as_glob, as_like, as_regex
from hanami_plugins.backendai_admin.rows import FilterColumn
from hanami_plugins.keypairs import KeyPair
from tests.lengths import choose
from tests.whole import Whole

KINDS = {"name": Kind.TEXT, "size": Kind.NUMBER, "is_active": Kind.BOOLEAN, "seen": Kind.MOMENT}
COLUMNS = {
    "name": FilterColumn(Kind.TEXT, KeyPair.owner_id),
    "size": FilterColumn(Kind.NUMBER, KeyPair.created_at),
    "is_active": FilterColumn(Kind.BOOLEAN, KeyPair.is_active),
    "seen": FilterColumn(Kind.MOMENT, KeyPair.last_used_at),
}
NAMES = ("ann", "Ann", "a%n", "a_n", "a\\n", "a*n", "[an]", "Änne", "äNNE", "", "x" * 40)
ROWS = [
    {
        "name": name,
        "size": float(number % 4),
        "is_active": number % 3 == 0,
        "seen": None if number % 2 else number * 1e9,
    }
    for number, name in enumerate(NAMES)
]


@pytest.fixture(scope="module", autouse=True)
def _rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with Whole(tmp_path_factory.mktemp("whole")), atomic():
        for number, row in enumerate(ROWS):
            KeyPair.create(
                access_key=f"K{number}",
                sealed="",
                owner_id=row["name"],
                owner_uid="1",
                project_id="shop",
                place="",
                created_at=row["size"],
                is_active=row["is_active"],
                last_used_at=row["seen"],
            )
        yield


def found_by_sql(filter: str | None, order: str | None = None) -> list[dict[str, Any]]:
    page = page_of_rows(KeyPair.active(), COLUMNS, nodes, limit=100, offset=0, filter=filter, order=order)
    assert page["total_count"] == len(page["items"])
    items: list[dict[str, Any]] = page["items"]
    return items


def nodes(rows: Any) -> list[dict[str, Any]]:
    return [
        {"name": row.owner_id, "size": row.created_at, "is_active": row.is_active, "seen": row.last_used_at}
        for row in rows
    ]


# -- generated ---------------------------------------------------------------------------------------------------------

BLANKS = st.sampled_from(["", " ", "  ", "\t", "\n"])
TEXTS = st.one_of(st.sampled_from(NAMES), st.text(alphabet="aAnNäÄ%_\\*?[]!-^", max_size=6))
NUMBERS = st.one_of(st.integers(-1, 5), st.floats(-1, 5).map(lambda x: round(x, 2)))
MOMENTS = st.integers(0, 11).map(lambda n: datetime.fromtimestamp(n * 1e9, UTC).isoformat())
COMPARING = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def comparisons(field: str, values: st.SearchStrategy[Any], operators: st.SearchStrategy[str]) -> Any:
    listed = st.lists(values, max_size=3)
    return st.one_of(
        st.tuples(st.just(field), operators, values),
        st.tuples(st.just(field), st.just("in"), listed),
        st.tuples(st.just(field), st.sampled_from(["is", "isnot", "==", "!="]), st.none()),
    )


CONDITIONS = st.one_of(
    comparisons("name", TEXTS, st.one_of(COMPARING, st.sampled_from(["like", "ilike", "contains"]))),
    comparisons("size", NUMBERS, COMPARING),
    comparisons("seen", MOMENTS, COMPARING),
    st.tuples(st.just("is_active"), st.sampled_from(["==", "!=", "is", "isnot"]), st.one_of(st.booleans(), st.none())),
)


@st.composite
def filters(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.sampled_from(["one", "one", "not", "and", "or"])) if depth else "one"
    blank = draw(BLANKS)
    if kind == "not":
        return f"!{blank}({draw(filters(depth - 1))})"
    if kind in ("and", "or"):
        sign = "&" if kind == "and" else "|"
        return f"({draw(filters(depth - 1))}){blank}{sign}{blank}{draw(filters(depth - 1))}"
    field, operator, value = draw(CONDITIONS)
    return f"{field} {operator} {json.dumps(value, ensure_ascii=draw(st.booleans()))}"


@settings(max_examples=choose(300, 5000))
@given(filters())
def test_sql_and_python_find_the_same(text: str) -> None:
    holds = predicate(parse_filter(text, KINDS))
    assert found_by_sql(text) == [row for row in ROWS if holds(row)]


@settings(max_examples=choose(100, 1000))
@given(st.lists(st.tuples(st.sampled_from(["", "+", "-"]), st.sampled_from(list(KINDS))), min_size=1, max_size=4))
def test_sql_and_python_sort_the_same(terms: list[tuple[str, str]]) -> None:
    text = ",".join(sign + name for sign, name in terms)
    assert found_by_sql(None, text) == ordered(ROWS, parse_order(text, KINDS))


def oracle(pattern: str, text: str) -> bool:
    """Match a pattern without escapes in the plainest way."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(oracle(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and oracle(pattern[1:], text[1:])


@settings(max_examples=choose(300, 5000))
@given(st.text(alphabet="ab%_*?[]-!^", max_size=6), st.text(alphabet="ab*?[]-!^\n", max_size=8))
def test_patterns_mean_what_they_say(pattern: str, text: str) -> None:
    assert bool(as_regex(pattern).match(text)) == oracle(pattern, text)


@settings(max_examples=choose(500, 20_000))
@given(st.text(alphabet='ab_=!<>&|()[]",.-+0123456789eE \\\ttruefalsnuliknotcd', max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        condition = parse_filter(text, KINDS)
    except BadRequest:
        pass
    else:
        holds = predicate(condition)
        assert found_by_sql(text) == [row for row in ROWS if holds(row)]


# -- written -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name == "ann"', {"ann"}),
        ('name ilike "ANN"', {"ann", "Ann"}),
        ('name like "a\\\\%n"', {"a%n"}),
        ('name contains "*"', {"a*n"}),
        ('name in ["ann", "Ann", "nobody"]', {"ann", "Ann"}),
        ("name in []", set()),
        ('!name like "%n%" & size < 3', {"", "x" * 40, "äNNE"}),
        ('name == "ann" | name == "Ann" & size == 0', {"ann"}),
        ('(name == "ann" | name == "Ann") & size == 1', {"Ann"}),
        ("seen is null & is_active is true", {row["name"] for row in ROWS if row["seen"] is None and row["is_active"]}),
        ('seen >= "1970-01-01" & seen < "1970-01-01T00:00:01"', {"ann"}),
    ],
)
def test_filters(text: str, expected: set[str]) -> None:
    assert {row["name"] for row in found_by_sql(text)} == expected
    holds = predicate(parse_filter(text, KINDS))
    assert {row["name"] for row in ROWS if holds(row)} == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "at its end"),
        ("name ==", "at its end"),
        ("name == ann", "at 'ann'"),
        ("password == 1", "there is no field 'password'"),
        ("name == 1", "name is a text"),
        ("name > null", "name is a text"),
        ('size == "1"', "size is a number"),
        ("size == true", "size is a number"),
        ("size like 1", "which like does not compare"),
        ("is_active > true", "which > does not compare"),
        ('is_active is "x"', "needs true, false or null"),
        ("name is true", "needs null"),
        ('name in "ann"', "needs a list"),
        ('name in ["a", 1]', "name is a text"),
        ('name in [["a"]]', "name is a text"),
        ('seen < "yesterday"', "a date"),
        ("size < 1e400", "not a value of JSON"),
        ("size < 99999999999999999999999", "too large"),
        ('name == "\\ud800"', "not a value of JSON"),
        ('name == "\\x"', "not a value of JSON"),
        ('name == "\\u0000"', "code 0"),
        (f'name == "{"x" * LONGEST}"', f"more than {LONGEST} characters"),
        ("!" * 2000 + "size == 1", f"more than {MOST_PARTS} parts"),
        ("(" * 2000 + "size == 1" + ")" * 2000, f"more than {MOST_PARTS} parts"),
        (" & ".join(["size == 1"] * (MOST_PARTS + 1)), f"more than {MOST_PARTS} parts"),
        (f"size in [{','.join(['1'] * 200)}]", f"more than {MOST_PARTS} parts"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_filter(text, KINDS)
    assert reason in str(caught.value.parameters["reason"])


@pytest.mark.parametrize(
    "text", ["", "password", "name,", "--name", "+-name", "- name", ",".join(["name"] * 17), "n" * 5000]
)
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_order(text, KINDS)


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (3, 0), (3, 9), (100, 20)])
def test_pages_are_parts_of_the_list(limit: int, offset: int) -> None:
    args = {"limit": limit, "offset": offset, "order": "-name"}
    by_sql = page_of_rows(KeyPair.active(), COLUMNS, nodes, **args)
    in_memory = page_of_items(ROWS, KINDS, **args)
    whole = ordered(ROWS, parse_order("-name", KINDS))
    assert by_sql == in_memory == {"items": whole[offset : offset + limit], "total_count": len(ROWS)}


@pytest.mark.parametrize(("limit", "offset"), [(101, 0), (-1, 0), (1, -1)])
def test_pages_of_other_sizes_are_refused(limit: int, offset: int) -> None:
    with pytest.raises(BadRequest):
        page_of_items([], KINDS, limit=limit, offset=offset)


def test_a_pattern_that_could_match_in_many_ways_is_decided_at_once() -> None:
    assert as_regex("%a" * 30 + "%b").match("a" * 250) is None


def test_patterns_of_other_databases_keep_what_they_escape() -> None:
    assert (as_glob("a%_*[\\%\\"), as_like("a%_*[\\%\\")) == ("a*?[*][[]%\\", "a%_*[\\%\\\\")
