from __future__ import annotations

import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.errors import BadRequest, TooLarge
from hanami_core.http.fields import read_body
from hanami_plugins.api_v1_0alpha import NativeApi
from hanami_plugins.api_v1_0alpha.fields import decode_body, merge, parse_query


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "truncated"),
        (b"5", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"{", "truncated"),
        (b"{} {}", "trailing"),
        (b'{"a": NaN}', "invalid character"),
        (b'{"a": Infinity}', "invalid character"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": 9223372036854775808}', "out of range"),
        (b'{"a": [{"b": -9223372036854775809}]}', "out of range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"a": "\xff"}', "utf-8"),
        (b'\xef\xbb\xbf{"a": 1}', "invalid character"),
        (b'{"a": "\\ud800"}', ""),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body, reason):
    with pytest.raises(BadRequest) as error:
        decode_body(body)
    assert reason in NativeApi().sentence(error.value)


def test_of_two_equal_names_in_a_body_the_last_wins():
    assert decode_body(b'{"a": 1, "a": 2}') == {"a": 2}


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body):
    with contextlib.suppress(BadRequest):
        assert isinstance(decode_body(body), dict)


LIMIT = (1 << 63) - 1
NUMBERS = st.integers(-LIMIT - 2, LIMIT + 2) | st.sampled_from([LIMIT, LIMIT + 1, -LIMIT, -LIMIT - 1]) | st.floats(0, 1)
VALUES = st.recursive(
    NUMBERS | st.text('[]{}"\\ab1', max_size=6) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('[]{}"\\a', max_size=3), inner, max_size=3),
)


def refused_for(value: object, depth: int = 1) -> set[str]:
    """Return what is wrong with a value; `depth` is the number of objects and lists around it."""
    if type(value) is int and abs(value) > LIMIT:
        return {"out of range"}
    if not isinstance(value, dict | list):
        return set()
    if depth == 63:
        return {"nested too deeply"}
    inner = value.values() if isinstance(value, dict) else value
    return set().union(*(refused_for(one, depth + 1) for one in inner))


@given(VALUES, st.integers(0, 70), st.sampled_from(["list", "object"]))
def test_a_body_is_refused_for_its_numbers_and_its_depth_alone(value, levels, kind):
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    wrong = refused_for(value)
    body = json.dumps({"a": value}, ensure_ascii=False).encode()
    if not wrong:
        assert decode_body(body) == {"a": value}
        return
    with pytest.raises(BadRequest) as error:
        decode_body(body)
    assert any(text in NativeApi().sentence(error.value) for text in wrong)


def test_a_body_is_read_up_to_its_announced_end():
    assert read_body(io.BytesIO(b"abcdef"), 3, chunked=False, limit=10) == b"abc"
    assert read_body(io.BytesIO(b"abcdef"), None, chunked=True, limit=10) == b"abcdef"
    assert read_body(io.BytesIO(b"abcdef"), None, chunked=False, limit=10) == b""


@pytest.mark.parametrize(("length", "chunked"), [(11, False), (None, True), (9, False)])
def test_a_body_that_is_too_large_or_short_is_refused(length, chunked):
    content = b"x" * (20 if chunked else 8)
    with pytest.raises((BadRequest, TooLarge)):
        read_body(io.BytesIO(content), length, chunked, limit=10)


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1&&b=2&", {"a": "1", "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("a", {"a": ""}),
        ("id=me@home", {"id": "me@home"}),
        ("a=x%20y", {"a": "x y"}),
        ("a=x+y", {"a": "x+y"}),
        ("a=%2541", {"a": "%41"}),
        ("a=%C3%A9", {"a": "é"}),
        ("%61=1", {"a": "1"}),
        ("a=100%", {"a": "100%"}),
    ],
)
def test_a_query_is_decoded_once(query, pairs):
    assert parse_query(query) == pairs


@pytest.mark.parametrize("query", ["a=1&a=2", "a=1&%61=2", "a=%ff", "a=\xff"])
def test_a_query_with_two_meanings_is_refused(query):
    with pytest.raises(BadRequest):
        parse_query(query)


TYPES = {"i": "int", "f": "float", "b": "bool", "s": "string", "x": ""}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("i", "5", 5), ("i", "-5", -5), ("i", "5.0", "5.0"), ("i", "five", "five"), ("i", "", ""), ("i", "+5", "+5"),
        ("i", "9223372036854775807", (1 << 63) - 1),
        ("f", "1.5", 1.5), ("f", "-2", -2.0), ("f", "1e5", "1e5"), ("f", "nan", "nan"), ("f", "9" * 40, "9" * 40),
        ("b", "true", True), ("b", "false", False), ("b", "True", "True"), ("b", "1", "1"),
        ("s", "5", "5"), ("s", "true", "true"), ("s", "1.5", "1.5"),
        ("x", "5", "5"), ("unknown", "5", "5"),
    ],
)  # fmt: skip
def test_a_query_text_gets_the_type_that_its_field_wants(name, text, value):
    merged = merge({}, {name: text}, TYPES)[name]
    assert merged == value
    assert type(merged) is type(value)


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "9" * 5000])
def test_a_number_that_64_bits_can_not_hold_is_refused(text):
    with pytest.raises(BadRequest) as error:
        merge({}, {"i": text}, TYPES)
    limit = "smaller than -" if text.startswith("-") else "bigger than "
    assert NativeApi().sentence(error.value) == f"Given item 'i' is {limit}9223372036854775807"


def test_the_query_wins_over_the_body():
    body = decode_body(json.dumps({"s": "body", "i": 1}).encode())
    assert merge(body, {"s": "query"}, TYPES) == {"s": "query", "i": 1}
