"""Where settings come from, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.errors import PluginError, SettingsError
from hanami_core.settings import CORE_SETTINGS, Setting, Settings, load_settings

SPECS = (
    Setting("http.port", int, 11418, "Port", 0, 65535),
    Setting("http.timeout", float, 30.0, "Seconds", 1.0),
    Setting("log.level", str, "info", "Level"),
    Setting("demo-plugin.on", bool, False, "Switch"),
    Setting("demo-plugin.share", float, 0.5, "Share", None, 1.0),
)


def load(directory: Path, toml: str = "", environ: dict[str, str] | None = None, **flags: object) -> Settings:
    if toml:
        directory.joinpath("hanami.toml").write_text(toml)
    return load_settings(directory, SPECS, environ or {}, {name.replace("__", "."): v for name, v in flags.items()})


def test_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert dict(settings) == {spec.name: spec.default for spec in SPECS}
    assert set(settings.sources.values()) == {"default"}
    assert settings.data_dir == tmp_path
    assert len(settings) == len(SPECS)


def test_the_last_source_wins_and_is_named(tmp_path: Path) -> None:
    toml = '[http]\nport = 1\n[log]\nlevel = "file"\n'
    settings = load(tmp_path, toml, {"HANAMI_HTTP_PORT": "2"}, http__port=None)
    assert (settings["http.port"], settings["log.level"]) == (2, "file")
    assert settings.sources["http.port"] == "environment HANAMI_HTTP_PORT"
    assert settings.sources["log.level"] == str(tmp_path / "hanami.toml")
    settings = load(tmp_path, toml, {"HANAMI_HTTP_PORT": "2"}, http__port=3)
    assert (settings["http.port"], settings.sources["http.port"]) == (3, "flag")


def test_the_variable_of_a_name() -> None:
    assert SPECS[3].variable == "HANAMI_DEMO_PLUGIN_ON"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("demo-plugin.on", "1", True),
        ("demo-plugin.on", "Yes", True),
        ("demo-plugin.on", "TRUE", True),
        ("demo-plugin.on", "off", False),
        ("http.port", "0", 0),
        ("http.timeout", "1", 1.0),
        ("http.timeout", "1e3", 1000.0),
        ("log.level", "1", "1"),
        ("log.level", "", ""),
    ],
)
def test_the_environment_is_parsed(tmp_path: Path, name: str, text: str, value: Any) -> None:
    variable = next(spec.variable for spec in SPECS if spec.name == name)
    found = load(tmp_path, environ={variable: text})[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ("[http]\nport = true", "http.port must be of type int, not True"),
        ('[http]\nport = "1"', None),
        ("[http]\nport = 1.0", "http.port must be of type int, not 1.0"),
        ("[http]\ntimeout = 2", None),
        ("[log]\nlevel = 5", "log.level must be of type str, not 5"),
        ('[demo-plugin]\non = "perhaps"', "demo-plugin.on must be of type bool, not 'perhaps'"),
        ("[demo-plugin]\non = 1", "demo-plugin.on must be of type bool, not 1"),
        ("[http]\nport = 65536", "http.port must be between 0 and 65535, not 65536"),
        ("[http]\nport = -1", "http.port must be between 0 and 65535, not -1"),
        ("[http]\ntimeout = 0.5", "http.timeout must be at least 1.0, not 0.5"),
        ("[demo-plugin]\nshare = 1.5", "demo-plugin.share must be at most 1.0, not 1.5"),
        ("[http]\nprot = 1", "unknown setting http.prot, did you mean http.port?"),
        ("[nothing]\nlike_it = 1", "unknown setting nothing.like_it"),
        ("port = 1", "'port' stands outside of a [section]"),
        ("[http\n", "Expected ']'"),
        ("[http]\n[http.port]\nx = 1", "http.port must be of type int"),
    ],
)
def test_the_file_is_checked(tmp_path: Path, toml: str, text: str | None) -> None:
    if text is None:
        load(tmp_path, toml)
        return
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml)
    assert str(caught.value).startswith(f"{tmp_path / 'hanami.toml'}: ")
    assert text in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    tmp_path.joinpath("hanami.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "x", "1.5", "99999", "\u0661\u0662 x"])
def test_the_environment_is_checked(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"^environment: http\.port must be"):
        load(tmp_path, environ={"HANAMI_HTTP_PORT": text})


def test_unknown_flags_are_refused_and_other_variables_are_not_ours(tmp_path: Path) -> None:
    load(tmp_path, environ={"HANAMI_SOMETHING": "x", "PATH": "x"})
    with pytest.raises(SettingsError, match=r"^flag: unknown setting http\.prot, did you mean http\.port\?$"):
        load(tmp_path, http__prot=1)


def test_an_unknown_name_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        load(tmp_path)["http.prot"]


@given(st.text(max_size=20))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    for spec in SPECS:
        try:
            value = spec.convert(text, "flag")
        except SettingsError as error:
            assert str(error).startswith(f"flag: {spec.name} must be ")  # noqa: PT017
        else:
            assert type(value) is spec.type


def test_the_defaults_of_the_core_keep_their_own_limits() -> None:
    for spec in CORE_SETTINGS:
        assert spec.convert(spec.default, "default") == spec.default
        assert spec.help
    assert len({spec.variable for spec in CORE_SETTINGS}) == len(CORE_SETTINGS)


@pytest.mark.parametrize(
    ("kind", "default", "limits", "reason"),
    [
        (int, "one", (), "its default must be of type int"),
        (int, True, (), "its default must be of type int"),
        (float, 1, (), "its default must be of type float"),
        (list, [], (), "its type must be str, int, float or bool"),
        (int, 5, (6, None), "its default must be at least 6"),
        (float, 5.0, (0.0, 1.0), "its default must be between 0.0 and 1.0"),
    ],
)
def test_a_default_obeys_its_own_setting(kind: Any, default: Any, limits: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(PluginError, match=f"setting a.b: {reason}"):
        Setting("a.b", kind, default, "", *limits)
