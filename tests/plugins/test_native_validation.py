"""From a decoded body to a struct, and the messages on the way."""

from __future__ import annotations

import time
import unicodedata
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.ids import ID_PATTERN, NAME_PATTERN, USER_ID_PATTERN, Id, Name, UserId, Uuid, new_uuid
from hanami_plugins.api_v1_0alpha import NativeApi
from hanami_plugins.api_v1_0alpha.validation import field_types, validate

NATIVE = NativeApi()


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    """A nested value."""

    uuid: str


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One field of each kind."""

    id: Id
    name: Name
    flag: bool = False
    count: Annotated[int, Meta(ge=1, le=10)] = 1
    share: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.5
    items: list[Inner] = []
    table: dict[str, str] = {}
    either: list[Inner] | dict[str, str] | None = None


RIGHT: dict[str, Any] = {"id": "test_id", "name": "Test name"}


def message(**changes: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        validate(Request, RIGHT | changes)
    return NATIVE.sentence(caught.value)


def test_defaults_are_filled_in() -> None:
    assert validate(Request, RIGHT) == Request("test_id", "Test name")


def test_unknown_fields_come_first_in_alphabetical_order() -> None:
    with pytest.raises(BadRequest) as caught:
        validate(Request, {"zzz": 1, "aaa": 2, "id": 5})
    assert NATIVE.sentence(caught.value) == "Validation failed, because item 'aaa' is not in the list of allowed keys"


def test_missing_fields_come_second_in_alphabetical_order() -> None:
    for values, name in (({"flag": 5}, "id"), ({"id": 5}, "name")):
        with pytest.raises(BadRequest) as caught:
            validate(Request, values)
        assert (
            NATIVE.sentence(caught.value)
            == f"Validation failed, because variable '{name}' is required, but is not set."
        )


def test_wrong_values_come_last_in_alphabetical_order() -> None:
    assert "'count'" in message(id=5, count="x", flag=5)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("flag", 1, "bool"),
        ("flag", "true", "bool"),
        ("count", 1.0, "int"),
        ("count", True, "int"),
        ("count", "5", "int"),
        ("share", 1, "float"),
        ("id", 5, "string"),
        ("id", None, "string"),
        ("items", {}, "array"),
        ("table", [], "map"),
        ("either", "text", "array"),
    ],
)
def test_types_are_strict(name: str, value: Any, expected: str) -> None:
    text = f"Value-validation failed, because a item '{name}'  has the false type: Exprect {expected}-type."
    assert message(**{name: value}) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("id", "abc", "Given item 'id' is shorter than 4 characters"),
        ("id", "a" * 255, "Given item 'id' is longer than 254 characters"),
        ("id", "1abc", f"Given item 'id' doesn't match with regex \"{ID_PATTERN}\""),
        ("id", "abcd\n", f"Given item 'id' doesn't match with regex \"{ID_PATTERN}\""),
        ("id", "", f"Given item 'id' doesn't match with regex \"{ID_PATTERN}\""),
        ("name", "te/st", NATIVE.sentence(BadRequest("name_odd", field="name"))),
        ("count", 0, "Given item 'count' is smaller than 1"),
        ("count", 11, "Given item 'count' is bigger than 10"),
        ("count", 10**30, "Given item 'count' is bigger than 10"),
        ("share", -0.5, "Given item 'share' is smaller than 0.0"),
        ("share", 1.5, "Given item 'share' is bigger than 1.0"),
    ],
)
def test_limits(name: str, value: Any, text: str) -> None:
    assert message(**{name: value}) == text


@pytest.mark.parametrize("value", ["a" * 4, "a" * 254])
def test_limits_are_inclusive(value: str) -> None:
    assert validate(Request, RIGHT | {"id": value}).id == value


def test_lengths_count_bytes() -> None:
    class Text(msgspec.Struct, forbid_unknown_fields=True):
        text: Annotated[str, Meta(max_length=8)]

    assert validate(Text, {"text": "éééé"}).text == "éééé"
    with pytest.raises(BadRequest) as caught:
        validate(Text, {"text": "ééééé"})
    assert "longer than 8" in NATIVE.sentence(caught.value)


def test_a_long_text_never_meets_a_pattern() -> None:
    begin = time.process_time()
    assert message(id="a" * 10_000_000 + "!") == "Given item 'id' is longer than 254 characters"
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "items",
    [[{}], [{"uuid": 5}], [{"uuid": "a", "other": 1}], ["text"], [None]],
)
def test_nested_values_are_checked(items: list[Any]) -> None:
    assert message(items=items).startswith("Value-validation failed: ")


def test_either_form_is_taken() -> None:
    assert validate(Request, RIGHT | {"either": [{"uuid": "a"}]}).either == [Inner("a")]
    assert validate(Request, RIGHT | {"either": {"a": "b"}}).either == {"a": "b"}


def test_field_types() -> None:
    assert field_types(Request) == {
        "id": "string",
        "name": "string",
        "flag": "bool",
        "count": "int",
        "share": "float",
        "items": "array",
        "table": "map",
        "either": "",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["id", "name", "flag", "count", "share", "items", "table", "either", "other"])


@given(st.dictionaries(FIELDS, JSON, max_size=6))
def test_any_value_gives_a_struct_or_a_bad_request(values: dict[str, Any]) -> None:
    try:
        found = validate(Request, RIGHT | values)
    except BadRequest as error:
        assert NATIVE.sentence(error)  # noqa: PT017
    else:
        assert isinstance(found, Request)


# -- the field types ---------------------------------------------------------------------------------------------------


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """Every shared field type."""

    id: Id = "test"
    user: UserId = "test"
    name: Name = "test"
    uuid: Uuid = ""


def accepts(**values: str) -> bool:
    try:
        validate(Fields, values)
    except BadRequest:
        return False
    return True


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("abcd", {"id", "user", "name"}),
        ("aBc_9", {"id", "user", "name"}),
        ("ab@cd", {"user", "name"}),
        ("ada.lovelace+net@example.org", {"user", "name"}),
        ("ab cd", {"name"}),
        ("ab-cd", {"user", "name"}),
        ("9abc", {"user", "name"}),
        ("_abc", {"name"}),
        ("ab.cd", {"user", "name"}),
        ("abc", {"user", "name"}),
        ("a", {"name"}),
        ("5", {"name"}),
        ("my run #1", {"name"}),
        ("Größe 🌸", {"name"}),
        ("हिन्दी", {"name"}),
        ("花見", {"name"}),
        ("a" * 254, {"id", "user", "name"}),
        ("a" * 255, set()),
        ("é" * 127, {"name"}),
        ("é" * 128, set()),
        *(
            (text, set())
            for text in ("", " a", "a ", ".a", "#a", "-a", "@a", "a/b", "a\\b", "a:b", "a,b", "a'b", 'a"b', "a%b")
        ),
        *(
            (f"a{sign}b", set())
            for sign in "\n\t\x00\x7f\x85\xa0\xad\u200b\u200d\u2028\u202e\u2044\u2215\u3000\ufeff\uff0f\ue000"
        ),
        ("\u0301a", set()),
    ],
)
def test_identifiers_and_names(value: str, allowed: set[str]) -> None:
    assert {field for field in ("id", "user", "name") if accepts(**{field: value})} == allowed


@pytest.mark.parametrize("name", ["Gro\u0308\u00dfe", "\u212bngstr\u00f6m", "\u1112\u1161\u11ab"])
def test_names_come_in_one_form(name: str) -> None:
    assert validate(Fields, {"name": name}).name == unicodedata.normalize("NFC", name) != name


def test_what_is_no_name_keeps_its_form() -> None:
    class Secret(msgspec.Struct):
        text: str

    assert validate(Secret, {"text": "o\u0308"}).text == "o\u0308"


def test_uuids() -> None:
    uuid = new_uuid()
    assert accepts(uuid=uuid)
    assert accepts(uuid=uuid.upper())
    for wrong in (uuid[:-1], uuid + "0", uuid.replace("-", "0"), "fail_cluster", uuid[:-1] + "g", uuid + "\n"):
        assert not accepts(uuid=wrong)


@pytest.mark.parametrize("pattern", [ID_PATTERN, USER_ID_PATTERN, NAME_PATTERN])
def test_patterns_are_anchored(pattern: str) -> None:
    assert pattern.startswith("^")
    assert pattern.endswith("$")
