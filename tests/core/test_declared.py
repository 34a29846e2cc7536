"""Settings that rule sets declare, and templates that were stored before they did."""

from __future__ import annotations

import io
import json
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from msgspec import Meta

from hanami_core import tensorfile
from hanami_core.errors import BadRequest, PluginError, TemplateError
from hanami_core.network import Input, NetworkState, Output, Position, Settings, StateHead, Template, in_a_line
from hanami_core.network.declared import Declarations, Declared, NoSettings, declared
from hanami_plugins.tasks.plans import TaskPlan


class Mine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    depth: Annotated[int, Meta(ge=1, le=9)] = 3
    rate: Annotated[float, Meta(gt=0)] = 0.5
    shape: Literal["cone", "cube", "ball"] = "cone"
    wide: bool = False
    label: str = "none"


class Other(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    depth: Annotated[int, Meta(ge=0)] = 0


def test_fields_become_settings() -> None:
    assert dict(declared(Mine)) == {
        "depth": Declared("depth", int, least=1, most=9),
        "rate": Declared("rate", float, above=0),
        "shape": Declared("shape", str, ("ball", "cone", "cube")),
        "wide": Declared("wide", bool),
        "label": Declared("label", str),
    }
    assert dict(declared(NoSettings)) == {}


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (("growth", str, "mine"), "'growth' has a name that all templates use"),
        (("two words", int, 1), "or none that one can spell"),
        (("12", int, 1), "or none that one can spell"),
        (("depth", int), "needs a default"),
        (("depth", list[int], msgspec.field(default_factory=list)), "neither a number, a bool, a text"),
        (("depth", int | None, None), "neither a number, a bool, a text"),
        (("depth", Literal[1, 2], 1), "neither a number, a bool, a text"),
    ],
)
def test_what_a_template_can_not_spell_is_refused(field: tuple[Any, ...], reason: str) -> None:
    name, *rest = field
    struct = msgspec.defstruct("Bad", [("field", *rest)], rename={"field": name})
    with pytest.raises(PluginError, match=reason):
        declared(struct)


def test_something_else_than_a_struct_is_refused() -> None:
    with pytest.raises(PluginError, match="declared by a struct"):
        declared(dict)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("depth", 1.5, "depth must be an integer, not '1.5'"),
        ("depth", True, "depth must be an integer, not 'True'"),
        ("rate", "fast", "rate must be a number, not 'fast'"),
        ("shape", "pear", "shape must be ball, cone or cube, not 'pear'"),
        ("wide", 1, "wide must be true or false, not '1'"),
        ("label", 1, "label must be a name, not '1'"),
        ("depth", 0, "depth must be between 1 and 9"),
        ("depth", 10, "depth must be between 1 and 9"),
        ("rate", 0, "rate must be bigger than 0"),
    ],
)
def test_wrong_values_are_named_with_what_is_expected(name: str, value: Any, message: str) -> None:
    setting = declared(Mine)[name]
    assert (setting.mistyped(value) or setting.outside(value)) == message


@pytest.mark.parametrize(
    ("name", "value"), [("depth", 1), ("depth", 9), ("rate", 1), ("rate", 0.1), ("shape", "ball"), ("wide", True)]
)
def test_right_values(name: str, value: Any) -> None:
    setting = declared(Mine)[name]
    assert setting.mistyped(value) is None
    assert setting.outside(value) is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"least": 1}, "n must be at least 1"),
        ({"most": 2}, "n must be at most 2"),
        ({"above": 0, "below": 1}, "n must be bigger than 0 and less than 1"),
    ],
)
def test_limits_in_words(limits: dict[str, float], message: str) -> None:
    assert Declared("n", float, **limits).outside(-1.0 if "most" not in limits else 3.0) == message


def test_a_growth_has_its_own_settings_and_no_growth_has_all() -> None:
    found = Declarations([("mine", Mine), ("other", Other), ("other", Other)])
    common = ("neuron_cooldown", "refractory_time", "max_connection_distance", "enable_reduction", "growth")
    assert found.growths == ("mine", "other")
    assert found.names("other") == (*common, "depth")
    assert found.names(None) == (*common, "depth", "rate", "shape", "wide", "label")
    assert found.find("other", "depth") == [Declared("depth", int, least=0)]
    assert len(found.find(None, "depth")) == 2
    assert found.find("other", "shape") == []


def test_settings_are_read_as_the_struct_with_defaults() -> None:
    assert Settings(own={"depth": 5, "rate": 1}).of(Mine) == Mine(depth=5, rate=1.0)
    with pytest.raises(TemplateError, match="depth"):
        Settings(own={"depth": 50}).of(Mine)
    with pytest.raises(BadRequest, match="speed"):
        Settings(own={"speed": 5}).of(Mine)


def test_settings_keep_a_copy_of_their_own() -> None:
    own = {"depth": 5}
    settings = Settings(own=own)
    own["depth"] = 6
    assert settings.own == {"depth": 5}


def test_equal_templates_are_equal_keys() -> None:
    first, second = (
        msgspec.structs.replace(in_a_line(["a"], ["b"]), settings=Settings(own={"depth": 5})) for _ in range(2)
    )
    assert len({first, second, in_a_line(["a"], ["b"])}) == 2


# -- stored by the first edition ---------------------------------------------------------------------------------------

STORED: dict[str, Any] = {
    "settings": {
        "neuron_cooldown": 10000000.0,
        "refractory_time": 1,
        "max_connection_distance": 1,
        "enable_reduction": False,
        "growth": "section",
        "blocks": 3,
        "precision": "int8",
    },
    "hexagons": [[1, 1, 1], [2, 1, 1], [3, 1, 1]],
    "inputs": [{"name": "a", "hexagon": 0, "mode": "plain"}],
    "outputs": [{"name": "b", "hexagon": 2, "type": "plain"}],
    "axons": [],
}
PLAIN = STORED | {"settings": STORED["settings"] | {"growth": None, "blocks": None, "precision": "float"}}


def read(stored: dict[str, Any]) -> Template:
    return msgspec.json.decode(json.dumps(stored), type=Template)


def test_a_stored_template_is_read() -> None:
    assert read(STORED) == Template(
        Settings(neuron_cooldown=1e7, growth="section", own={"blocks": 3, "precision": "int8"}),
        (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1)),
        (Input("a", 0),),
        (Output("b", 2),),
    )


def test_what_a_stored_template_did_not_ask_for_is_not_there() -> None:
    assert read(PLAIN).settings == Settings(neuron_cooldown=1e7)


@pytest.mark.parametrize("stored", [STORED, PLAIN])
def test_a_template_that_is_stored_again_is_the_same(stored: dict[str, Any]) -> None:
    again = msgspec.json.encode(read(stored))
    assert msgspec.json.decode(again, type=Template) == read(stored)
    assert b"blocks" not in again or b'"own":{"blocks":3' in again


def test_a_stored_state_is_read() -> None:
    head = {"rules": "section", "template": STORED, "seed": 5, "cycles": 7, "inputs": {"a": 2}, "outputs": {"b": 1}}
    file = io.BytesIO()
    text = json.dumps(head | {"extra": {"squashing": {}}, "version": 1})
    tensorfile.write(file, {"weights": np.ones(3, np.float32)}, {"kind": "network", "head": text})
    file.seek(0)
    state = NetworkState.read(file)
    assert state.head == StateHead("section", read(STORED), 5, 7, {"a": 2}, {"b": 1}, {"squashing": {}})
    assert state.head.template.settings.own == {"blocks": 3, "precision": "int8"}


def test_a_task_that_waited_while_the_server_was_renewed_is_read() -> None:
    payload = {"inputs": [{"interface": "a", "blob": "x", "column": "c"}], "template": PLAIN}
    plan = msgspec.json.decode(json.dumps(payload), type=TaskPlan)
    assert plan.template == read(PLAIN)
