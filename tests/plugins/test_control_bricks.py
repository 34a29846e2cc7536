"""The template language of v0.4."""

from __future__ import annotations

import msgspec
import pytest

from hanami_core.errors import TemplateError
from hanami_core.network import Input, Output, Position, Template
from hanami_core.network.declared import Declarations
from hanami_plugins.api_control_v1 import BrickDialect

TEMPLATE = """version: 1
settings:
    neuron_cooldown: 10000000.0
    refractory_time: 1
    max_connection_distance: 1
    enable_reduction: false

bricks:
    1,1,1
        input: test_input
        number_of_neurons: 784
    2,1,1
        number_of_neurons: 400
    3,1,1
        output: test_output
        number_of_neurons: 10"""


class Wide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    blocks: int = 2


DECLARED = Declarations([("section", Wide)])


def parse(text: str) -> Template:
    return BrickDialect().parse(text, DECLARED)


def test_bricks_become_hexagons_of_the_same_width() -> None:
    template = parse(TEMPLATE)
    assert template.hexagons == (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1))
    assert template.inputs == (Input("test_input", 0, size=784),)
    assert template.outputs == (Output("test_output", 2, size=10),)
    assert template.settings.own == {"blocks": 7}
    assert (template.settings.neuron_cooldown, template.settings.enable_reduction) == (1e7, False)


@pytest.mark.parametrize(
    "text",
    [
        TEMPLATE + "\n",
        TEMPLATE.replace("    ", "\t"),
        TEMPLATE.replace("version: 1", "version:1"),
        TEMPLATE.replace("\n", "\n\n\n"),
        TEMPLATE.replace("input: test_input", "output: other\n        input: test_input"),
        TEMPLATE.replace("number_of_neurons: 400", "number_of_neurons: 3\n        number_of_neurons: 400"),
    ],
)
def test_what_makes_no_difference(text: str) -> None:
    assert BrickDialect().recognises(text)
    assert parse(text) == parse(TEMPLATE)


def test_other_languages_are_not_recognised() -> None:
    assert not BrickDialect().recognises("version: 1\nhexagons:\n    1,1,1\n")
    assert not BrickDialect().recognises("bricks:\n    1,1,1\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("number_of_neurons: 784", "", r"line 9, column 5: brick 1,1,1 has no number_of_neurons"),
        ("784", "0", r"line 11, column 28: number_of_neurons must be between 1 and"),
        ("784", "many", r"line 11, column 28: expected an integer of at most 9 digits, not 'many'"),
        ("784", "7" * 400, "expected an integer of at most 9 digits"),
        ("2,1,1", "1,1,1", r"line 12, column 5: brick 1,1,1 is declared twice"),
        ("2,1,1", "2,1,2000000", "coordinates must be between 0 and"),
        ("2,1,1", "8,1,1", "line 9, column 5: brick 1,1,1 has no neighbour"),
        ("output: test_output", "input: other", "at least one input and one output"),
        (
            "input: test_input",
            "entry: test_input",
            "unknown field 'entry', known are: input, output, number_of_neurons",
        ),
        ("test_input", "bricks", "'bricks' cannot be a name"),
        ("refractory_time: 1", "refractory_time: 0", "refractory_time must be between 1 and 255"),
        ("refractory_time: 1", "refractory_time: 1.5", "refractory_time must be an integer"),
        ("refractory_time", "patience", "unknown setting 'patience'"),
        ("enable_reduction: false", "enable_reduction: 3", "unknown setting|enable_reduction"),
        ("2,1,1", "2,1", "line 12"),
        ("settings:", "settings", "line 2"),
        ("        number_of_neurons: 400\n", "", "line 1"),
        ("400", "#", "invalid character"),
    ],
)
def test_broken_rules_are_named_with_their_place(old: str, new: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        parse(TEMPLATE.replace(old, new, 1))


def test_an_output_that_no_input_reaches_is_refused() -> None:
    apart = """
    8,1,1
        number_of_neurons: 10
    9,1,1
        output: apart
        number_of_neurons: 10"""
    with pytest.raises(TemplateError, match="line 19, column 5: output 'apart' cannot be reached from any input"):
        parse(TEMPLATE + apart)


def test_a_template_without_an_input_is_refused() -> None:
    with pytest.raises(TemplateError, match="at least one input and one output"):
        parse(TEMPLATE.replace("        input: test_input\n", ""))


def test_a_long_text_is_refused() -> None:
    with pytest.raises(TemplateError, match="longer than"):
        parse(TEMPLATE + "\n" * (1 << 16))
