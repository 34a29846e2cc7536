"""The plugin `template_hexagons`."""

from __future__ import annotations

import re
import string
import time
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hanami_core.compute.rules import declarations
from hanami_core.dialects import TemplateDialect
from hanami_core.errors import TemplateError
from hanami_core.network import Axon, Input, Output, Position, Settings, Template, Topology, in_a_line
from hanami_core.network.bits import members
from hanami_core.network.template import COMMON_SETTINGS
from hanami_core.network.topology import NONE
from hanami_plugins.host_numba import hanami_network_rules
from hanami_plugins.template_hexagons import HexagonDialect, hanami_template_dialects
from hanami_plugins.template_hexagons.dialect import LONGEST_TEXT
from hanami_plugins.template_hexagons.grammar import _SPELLED, _parser

DIALECT = HexagonDialect()
DECLARATIONS = declarations(hanami_network_rules())

# The template of the reference's own end-to-end test, with its blank lines.
EXAMPLE = """version: 1
settings:
    neuron_cooldown: 10000000.0
    refractory_time: 1
    max_connection_distance: 1
    enable_reduction: false
hexagons:
    1,1,1
    3,1,1
    4,1,1

    \t
axons:
    1,1,1 -> 3,1,1
inputs:
    picture_hex: 1,1,1
outputs:
    label_hex: 4,1,1

"""
PARSED = Template(
    Settings(neuron_cooldown=1e7),
    (Position(1, 1, 1), Position(3, 1, 1), Position(4, 1, 1)),
    (Input("picture_hex", 0),),
    (Output("label_hex", 2),),
    (Axon(0, 1),),
)


def changed(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new, 1)


def parse(text: str) -> Template:
    """Return the template of a text where the usual rule sets are installed."""
    return DIALECT.parse(text, DECLARATIONS)


def refusal(text: str) -> str:
    """Return the message of a text that is refused."""
    with pytest.raises(TemplateError) as caught:
        parse(text)
    return str(caught.value)


def test_the_plugin_adds_the_dialect() -> None:
    (dialect,) = hanami_template_dialects()
    assert isinstance(dialect, TemplateDialect)
    assert dialect.name == "hexagons"


def test_the_example() -> None:
    assert parse(EXAMPLE) == PARSED


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE.replace("\n", "\r\n"),
        EXAMPLE.replace("\n", " "),
        EXAMPLE.replace("version: 1", "\n\t version:1"),
        re.sub(r"([:,]|->)", r" \1 \n", EXAMPLE).replace("version :", "version:").replace("version: \n", "version:"),
        EXAMPLE.replace(" -> ", "->"),
        changed("10000000.0", "10000000"),
        changed("picture_hex: 1,1,1", "picture_hex:\n target: 1,1,1\n number_of_inputs: 784").replace(
            "label_hex: 4,1,1", "label_hex:\n target: 4,1,1\n number_of_outputs: 10"
        ),
        changed("enable_reduction: false", "enable_reduction: True enable_reduction: False"),
        changed("picture_hex: 1,1,1", "picture_hex: 01,1,0000000000000000000000000001"),
    ],
)
def test_other_ways_to_write_the_example(text: str) -> None:
    assert parse(text) == PARSED


def test_options() -> None:
    text = changed("label_hex: 4,1,1", "label_hex: 4,1,1 (float)").replace(
        "picture_hex: 1,1,1", "picture_hex:1,1,1(match)"
    )
    template = parse(text)
    assert (template.inputs[0].mode, template.outputs[0].type) == ("match", "float")


@pytest.mark.parametrize("block", ["settings:\n", ""])
def test_all_settings_are_optional(block: str) -> None:
    text = re.sub(r"settings:.*(?=hexagons)", block, EXAMPLE, flags=re.S)
    assert parse(text) == msgspec.structs.replace(PARSED, settings=Settings())


def test_own_settings() -> None:
    template = parse(changed("settings:", "settings: growth: synapse blocks: 4 precision: int8"))
    assert template.settings.growth == "synapse"
    assert template.settings.own == {"blocks": 4, "precision": "int8"}


def test_words_of_settings_are_free_for_names() -> None:
    for name in ("growth", "blocks", "section", "target", "bricks", "plain", "12abc", "_", "versions"):
        assert parse(changed("label_hex", name)).outputs[0].name == name


@pytest.mark.parametrize("text", ["version: 1", "  \n version:1 bla", "version: 2", "version", "version 7"])
def test_it_recognises_its_own(text: str) -> None:
    assert DIALECT.recognises(text)
    refusal(text)


@pytest.mark.parametrize("text", ["", " ", "{}", "versions: 1", "hexagons: 1,1,1", "# version: 1"])
def test_it_leaves_other_texts_alone(text: str) -> None:
    assert not DIALECT.recognises(text)


# -- errors ------------------------------------------------------------------------------------------------------------

ERRORS = """
    The numbers are those of the reference's table: a part of the example, what stands there instead, the message.

1   version: 1 | version:  1 | line 1, column 1: unexpected 'version', expected 'version: 1'
1   settings:  |  | line 3, column 5: unexpected 'neuron_cooldown', expected 'hexagons' or 'settings'
1   hexagons:  |  | line 8, column 5: unexpected '1', expected 'hexagons' or a name
1   1,1,1~3,1,1~4,1,1 |  | line 11, column 1: unexpected 'axons', expected an integer
1   1,1,1 -> | 1,1,1 | line 14, column 11: unexpected '3', expected '->'
1   inputs:~picture_hex: 1,1,1 |  | line 16, column 1: unexpected 'outputs', expected 'inputs' or an integer
1   label_hex: 4,1,1 | label_hex | line 18, column 5: the text ends too early, expected ':'
1   label_hex | 5 | line 18, column 5: unexpected '5', expected a name
1   label_hex | "label" | line 18, column 5: invalid character '"'
1   label_hex | settings | line 18, column 5: unexpected 'settings', expected a name
1   label_hex | match | line 18, column 5: 'match' is a word of the language and cannot be a name
1   refractory_time: 1 | refractory_time: 1.0 | line 4, column 22: refractory_time must be an integer, not '1.0'
1   10000000.0 | 1e7 | line 3, column 22: neuron_cooldown must be a number, not '1e7'
1   false | 0 | line 6, column 23: enable_reduction must be true or false, not '0'
1   settings: | settings: precision: half | line 2, column 22: precision must be float or int8, not 'half'
1   settings: | settings: growth: fast | line 2, column 19: growth must be section or synapse, not 'fast'
1   label_hex: 4,1,1 | a: 4,1,1 (match) | line 18, column 15: unknown option 'match', known are: bool, int, float
1   picture_hex: 1,1,1 | a: 1,1,1 (int) | line 16, column 15: unknown option 'int', known are: binary, match
2   version: 1 | version: 2 | line 1, column 1: version 2 is unknown, only version 1 is known
2   version: 1 | version:11 | line 1, column 1: version 11 is unknown, only version 1 is known
3   4,1,1 | 4,1,9223372036854775808 | line 10, column 9: '9223372036854775808' does not fit into 64 bits
3   4,1,1 | 4,1,-9223372036854775809 | line 10, column 9: '-9223372036854775809' does not fit into 64 bits
3   hexagons: | hexagons: # comment | line 7, column 11: invalid character '#'
4   10000000.0 | 1.0 | line 3, column 5: neuron_cooldown must be bigger than 1
4   10000000.0 | -5 | line 3, column 5: neuron_cooldown must be bigger than 1
4   distance: 1 | distance: 0 | line 5, column 5: max_connection_distance must be at least 1
4   distance: 1 | distance: 1001 | line 5, column 5: max_connection_distance must be at most 1000
4   refractory_time: 1 | refractory_time: 0 | line 4, column 5: refractory_time must be between 1 and 255
4   refractory_time: 1 | refractory_time: 256 | line 4, column 5: refractory_time must be between 1 and 255
4   settings: | settings: blocks: 0 | line 2, column 11: blocks must be between 1 and 1024
5   3,1,1 | 1,1,1 | line 9, column 5: hexagon 1,1,1 is declared twice
6   1,1,1 -> | 2,1,1 -> | line 14, column 5: hexagon 2,1,1 is not declared
6   -> 3,1,1 | -> 2,1,1 | line 14, column 14: hexagon 2,1,1 is not declared
7   picture_hex: 1,1,1 | picture_hex: 1,1,2 | line 16, column 18: hexagon 1,1,2 is not declared
7   label_hex: 4,1,1 | label_hex: 1,1,2 | line 18, column 16: hexagon 1,1,2 is not declared
-   label_hex | picture_hex | line 18, column 5: name 'picture_hex' is used by more than one input or output
-   label_hex: 4 | label_hex: 1 | line 18, column 16: hexagon 1,1,1 is used by more than one input or output
-   -> 3,1,1 | -> 1,1,1 | line 14, column 5: axon of hexagon 1,1,1 leads to itself
-   -> 3,1,1 | -> 3,1,1 1,1,1 -> 4,1,1 | line 14, column 20: hexagon 1,1,1 has more than one axon
-   4,1,1 | 4,1,-1 | line 10, column 5: hexagon 4,1,-1: coordinates must be between 0 and 1048575
-   4,1,1 | 4,1,1048576 | line 10, column 5: hexagon 4,1,1048576: coordinates must be between 0 and 1048575
"""
CASES = [[part.strip().replace("~", "\n    ") for part in line[4:].split(" | ")] for line in ERRORS.splitlines()[3:]]


@pytest.mark.parametrize(("old", "new", "message"), CASES)
def test_errors_name_the_place_and_the_rule(old: str, new: str, message: str) -> None:
    assert refusal(changed(old, new)) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: the text ends too early, expected 'version: 1'"),
        ("version: 1", "line 1, column 1: the text ends too early, expected 'hexagons' or 'settings'"),
        (changed("hexagons:", "hexagons:\r "), "line 7, column 10: invalid character '\\r'"),
        (changed("label_hex", "x" * 255), "line 18, column 5: name 'xxxxxxxxxxxxxxxx…' is longer than 254 characters"),
        (
            changed("10000000.0", "9" * 400 + ".0"),
            f"line 3, column 22: neuron_cooldown must be at most 3.4028e+38, not '{'9' * 32}…'",
        ),
        (
            changed("refractory_time", "refractory_tim"),
            "line 4, column 5: unknown setting 'refractory_tim', known are: neuron_cooldown, refractory_time, "
            "max_connection_distance, enable_reduction, growth, blocks, precision",
        ),
        (
            changed("4,1,1\n", "4,1,1 9,9,9\n"),
            "line 10, column 11: hexagon 9,9,9 has no neighbour; add a hexagon beside it or an axon",
        ),
        (
            changed("4,1,1\n", "4,1,1 5,1,1\n").replace("-> 3,1,1", "-> 5,1,1"),
            "line 18, column 5: output 'label_hex' cannot be reached from any input; "
            "add a hexagon between them or an axon",
        ),
        (
            changed("picture_hex: 1,1,1", "picture_hex:\n goal: 1,1,1\n number_of_inputs: 784"),
            "line 17, column 2: expected 'target', not 'goal'",
        ),
        (
            changed("picture_hex: 1,1,1", "picture_hex:\n target: 1,1,1\n number_of_outputs: 784"),
            "line 18, column 2: expected 'number_of_inputs', not 'number_of_outputs'",
        ),
        (
            changed("label_hex: 4,1,1", "label_hex:\n target: 4,1,1\n number_of_outputs: 0"),
            "line 20, column 21: number_of_outputs must be at least 1",
        ),
        (
            "version: 1\nsettings:\n    refractory_time: 1\nbricks:\n    1,1,1\n        input: test_input\n",
            "line 5, column 6: 'bricks:' belongs to templates of OpenHanami 0.4; write 'hexagons:' instead",
        ),
    ],
)
def test_errors_of_longer_changes(text: str, message: str) -> None:
    assert refusal(text) == message


def test_every_part_of_the_grammar_has_a_name_for_messages() -> None:
    names = {terminal.name for terminal in _parser().terminals}
    assert {name for name in names if not name.startswith("__IGNORE")} == _SPELLED.keys() - {"$END"}


def test_an_output_behind_an_input_is_not_reached() -> None:
    text = "version: 1 hexagons: 1,1,1 2,1,1 inputs: a: {} outputs: b: {}"
    parse(text.format("1,1,1", "2,1,1"))
    assert "output 'b' cannot be reached" in refusal(text.format("2,1,1", "1,1,1"))


# -- any template ------------------------------------------------------------------------------------------------------

NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=12).filter(
    lambda name: (
        not name.isdigit()
        and name
        not in (
            *(
                "version",
                "settings",
                "hexagons",
                "axons",
                "inputs",
                "outputs",
                "binary",
                "match",
                "bool",
                "int",
                "float",
            ),
            *("true", "false", "True", "False", "neuron_cooldown", "max_connection_distance"),
        )
    )
)
POSITIONS = st.lists(st.builds(Position, *[st.integers(0, 3)] * 3), min_size=2, max_size=12, unique=True)
SETTINGS = st.builds(
    Settings,
    neuron_cooldown=st.one_of(st.integers(2, 10**9).map(float), st.integers(11, 10**7).map(lambda n: n / 8 + 1)),
    refractory_time=st.integers(1, 255),
    max_connection_distance=st.integers(1, 5),
    enable_reduction=st.booleans(),
    growth=st.sampled_from(["section", "synapse", None]),
    own=st.fixed_dictionaries({}, optional={"blocks": st.integers(1, 1024), "precision": st.just("int8")}),
)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Return a template that keeps all rules; about every second one is connected."""
    if draw(st.booleans()):
        hexagons, first = draw(POSITIONS), st.permutations
    else:
        hexagons, first = [Position(x, 0, 0) for x in range(draw(st.integers(2, 9)))], st.just
    count = draw(st.integers(2, len(hexagons)))
    ports = draw(first(range(len(hexagons))))
    ports = [*ports[: count - 1], ports[-1]]
    cut = draw(st.integers(1, count - 1))
    names = draw(st.lists(NAMES, min_size=count, max_size=count, unique=True))
    modes, types = st.sampled_from(["plain", "binary", "match"]), st.sampled_from(["plain", "bool", "int", "float"])
    options = [draw(modes if port < cut else types) for port in range(count)]
    items: Any = list(zip(names, ports, options, strict=True))
    ends = st.integers(0, len(hexagons) - 1)
    found = draw(st.dictionaries(ends, ends, max_size=3))
    axons = tuple(Axon(source, target) for source, target in found.items() if source != target)
    inputs, outputs = (
        tuple(kind(*item) for item in part) for kind, part in ((Input, items[:cut]), (Output, items[cut:]))
    )
    return Template(draw(SETTINGS), tuple(hexagons), inputs, outputs, axons)


def connected(template: Template) -> bool:
    """Tell whether each hexagon has company, and each output can be reached, by following all targets."""
    topology = Topology(template)
    bridged = {end for axon in template.axons for end in (axon.source, axon.target)}
    alone = any(h not in bridged and all(n == NONE for n in ns) for h, ns in enumerate(topology.neighbours))
    return not alone and {output.hexagon for output in template.outputs} <= closure(topology)


def closure(topology: Topology) -> set[int]:
    reached: set[int] = set()
    edge = {item.hexagon for item in topology.template.inputs}
    while edge:
        edge = {target for hexagon in edge for target in members(topology.targets[hexagon])} - reached
        reached |= edge
    return reached


def render(template: Template, blank: str) -> str:
    """Write a template as text."""
    words = ["version: 1", "settings", ":"]
    common = {name: getattr(template.settings, name) for name in COMMON_SETTINGS}
    for name, value in (common | template.settings.own).items():
        if value is not None:
            words += [name, ":", str(value)]
    words += ["hexagons", ":", *map(str, template.hexagons)]
    if template.axons:
        ends = [(template.hexagons[axon.source], template.hexagons[axon.target]) for axon in template.axons]
        words += ["axons", ":", *(f"{source}->{target}" for source, target in ends)]
    for block, items in (("inputs", template.inputs), ("outputs", template.outputs)):
        words += [block, ":"]
        for item in items:
            option: str = getattr(item, "mode", None) or getattr(item, "type", "plain")
            words += [item.name, ":", str(template.hexagons[item.hexagon]), *([f"({option})"] * (option != "plain"))]
    return blank.join(words)


@pytest.mark.long
@given(templates(), st.sampled_from([" ", "\n", "\r\n", "\n \t\n"]))
@settings(max_examples=200)
def test_a_written_template_is_read_again(template: Template, blank: str) -> None:
    topology = Topology(template)
    assert set(members(topology.reached)) == closure(topology)
    text = render(template, blank)
    event(f"connected: {connected(template)}")
    if connected(template):
        assert parse(text) == template
        shown = HexagonDialect().write(template)
        assert shown is not None
        assert parse(shown) == template
    else:
        assert re.search("has no neighbour|cannot be reached", refusal(text))


@pytest.mark.parametrize("name", ["my input", "größe", "match", "a:b"])
def test_what_the_language_has_no_words_for_is_not_written(name: str) -> None:
    assert HexagonDialect().write(in_a_line([name], ["out"])) is None
    plain = in_a_line(["in"], ["out"])
    assert HexagonDialect().write(plain) is not None
    sized = msgspec.structs.replace(plain, inputs=(msgspec.structs.replace(plain.inputs[0], size=3),))
    assert HexagonDialect().write(sized) is None


WORDS = st.sampled_from(
    [
        "version: 1",
        "settings",
        "hexagons",
        "axons",
        "inputs",
        "outputs",
        ":",
        ",",
        "->",
        "(",
        ")",
        "1",
        "-1",
        "1.5",
        "a",
    ]
)


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_any_words_are_a_template_or_an_error_with_a_place(text: str) -> None:
    try:
        parse(text)
    except TemplateError as error:
        message = str(error)
    else:
        message = "line 1, column 1"
    assert re.match(r"line \d+, column \d+", message)


@given(st.text(max_size=60))
def test_any_text_after_the_version_is_a_template_or_an_error(text: str) -> None:
    try:
        parse("version: 1\n" + text)
    except TemplateError as error:
        assert str(error).startswith("line ")  # noqa: PT017


# -- hostile texts -----------------------------------------------------------------------------------------------------

LAYER = [f"{x},{y},0" for x in range(90) for y in range(90)]
LINE = "version: 1 settings: max_connection_distance: {} hexagons: {} inputs: a: 0,0,0 outputs: b: 89,89,0"


@pytest.mark.parametrize(
    "text",
    [
        LINE.format(1000, " ".join(LAYER)),
        LINE.format(1, " ".join(LAYER)),
        "version: 1 hexagons: " + "1" * 65000,
        "version: 1 hexagons: " + "1," * 32000,
        "version: 1 hexagons: " + "1,1,1 " * 10000,
        "version: 1 settings: " + "neuron_cooldown: " + "9" * 65000 + ".0",
        "version: 1 settings: " + "refractory_time:1\n" * 3600,
        "version: 1 hexagons: 1,1,1 inputs: " + "a: 1,1,1 " * 7000,
        "version: 1 hexagons: " + " " * 65000,
        "version: 1 hexagons: " + "\r\n" * 32000,
        "version: " + "1" * 65000,
        "version" + ":" * 65000,
        " " * 65000 + "version: 1",
        "version: 1 " + "x" * LONGEST_TEXT,
    ],
    ids=range(14),
)
def test_no_text_takes_long(text: str) -> None:
    begin = time.process_time()
    try:
        parse(text)
    except TemplateError as error:
        assert len(str(error)) < 300  # noqa: PT017
    assert time.process_time() - begin < 2


def test_long_texts_are_refused_unread() -> None:
    assert refusal(EXAMPLE + " " * LONGEST_TEXT) == "the text is longer than 65536 characters"


def test_the_template_survives_json() -> None:
    template: Any = msgspec.json.decode(msgspec.json.encode(parse(EXAMPLE)), type=Template)
    assert template == PARSED
