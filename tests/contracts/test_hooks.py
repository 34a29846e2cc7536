"""Every hook is documented, tested and typed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from hanami_cli.hookspecs import hanami_cli_commands
from hanami_core import hookspec, hookspecs
from hanami_core.deprecation import Deprecated
from hanami_core.plugin_host import PluginHost
from tests.contracts.mentions import classes_in, name_of, signature_texts
from tests.contracts.reference import anchor_of, documented

ROOT = Path(__file__).parents[2]
SERVER_HOOKS = hookspecs.all_hooks()
HOOKS = SERVER_HOOKS | {"hanami_cli_commands": hanami_cli_commands}


def render() -> str:
    """Return the reference of all hooks as Markdown. ``python -m tests.contracts.test_hooks`` writes it."""
    lines = [
        "# Hooks",
        "",
        "All hooks, generated from `hanami_core/hookspecs.py`. The last one is for the command line programs; it has",
        "the entry-point group `hanami.cli` and is defined in `hanami_cli/hookspecs.py`. The",
        "[plugin guide](plugin_guide.md) describes how to write, package and test a plugin;",
        "[contracts](contracts.md) describes the classes and where to import them from.",
        "",
    ]
    for name, function in HOOKS.items():
        lines += [
            f"## `{name}{signature(function)}`",
            "",
            *deprecation(function),
            *imported(function),
            *markdown(inspect.getdoc(function) or ""),
        ]
        lines += [""]
    return "\n".join(lines)


def imported(function: Callable[..., object]) -> list[str]:
    """Return links to the classes that a hook gets and returns."""
    classes = classes_in(signature_texts(function), function.__module__)
    places = {name_of(item): place for place, item in documented().items() if isinstance(item, type)}
    links = [f"[`{item.__name__}`](contracts.md#{anchor_of(*places[name])})" for name, item in classes.items()]
    return [f"Classes: {', '.join(links)}.", ""] if links else []


def deprecation(function: Callable[..., object]) -> list[str]:
    """Return what is said of a hook, or of its arguments, that will be gone."""
    options = getattr(function, "hanami_spec", None) or {}
    found = {"This hook": options.get("warn_on_impl")}
    found |= {f"Its argument `{name}`": text for name, text in (options.get("warn_on_impl_args") or {}).items()}
    return [line for what, text in found.items() if text is not None for line in (f"*{what} is {text}.*", "")]


def signature(function: object) -> str:
    return str(inspect.signature(function)).replace("'", "")  # type: ignore[arg-type]


def markdown(doc: str) -> list[str]:
    text = re.sub(r"^:param (\w+):", r"* **\1**:", doc, flags=re.M)
    text = re.sub(r"^:returns:", "* **returns**:", text, flags=re.M)
    text = re.sub(r"^:failure:", "* **if it fails**:", text, flags=re.M)
    text = re.sub(r"^\.\. versionadded:: (.+)", r"*Added in \1.*", text, flags=re.M)
    head, _, example = text.partition("Example::")
    code = [line[4:] for line in example.strip("\n").splitlines()]
    return [*head.replace("``", "`").rstrip().splitlines(), "", "```python", *code, "```"]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_tells_arguments_returns_failure_and_an_example(name: str) -> None:
    doc = inspect.getdoc(HOOKS[name]) or ""
    parameters = inspect.signature(HOOKS[name]).parameters
    assert re.findall(r"^:param (\w+):", doc, re.M) == list(parameters)
    assert ":failure:" in doc
    assert "Example::" in doc
    compile(doc.partition("Example::")[2].replace("\n    ", "\n"), name, "exec")
    assert (":returns:" in doc) == (inspect.signature(HOOKS[name]).return_annotation != "None")


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "hooks.md").read_text() == render()


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_test(name: str) -> None:
    core = (ROOT / "tests" / "core" / f"test_plugin_{part}.py" for part in ("hooks", "registries", "hookspecs"))
    files = *core, ROOT / "tests" / "cli" / "test_cli_hooks.py"
    tests = "".join(file.read_text() for file in files)
    group = f'"{name}"' in tests or f"def test_hook_{name}" in tests
    assert group


@pytest.mark.parametrize("name", SERVER_HOOKS)
def test_a_hook_has_a_typed_method(name: str) -> None:
    method = getattr(PluginHost, name.removeprefix("hanami_"))
    assert inspect.signature(method).return_annotation is not inspect.Signature.empty


def test_what_is_deprecated_goes_when_its_time_has_come() -> None:
    current = tuple(map(int, version("hanami").split(".")[:2]))
    for name, function in SERVER_HOOKS.items():
        options = getattr(function, "hanami_spec", {})
        for notice in (options.get("warn_on_impl"), *(options.get("warn_on_impl_args") or {}).values()):
            if notice is not None:
                assert isinstance(notice, Deprecated), f"{name}: announce it with hanami_core.deprecation.Deprecated"
                assert tuple(map(int, notice.since.split("."))) <= current, f"{name}: {notice}"
                assert current < tuple(map(int, notice.gone.split("."))), f"{name}: {notice}"


def test_what_is_deprecated_is_told_in_the_reference() -> None:
    @hookspec(warn_on_impl=Deprecated("0.2", "hanami_new"), warn_on_impl_args={"old": Deprecated("0.3")})
    def hanami_former(old: int) -> None:
        """Do what was done before."""

    assert deprecation(hanami_former) == [
        "*This hook is deprecated since 0.2, gone in 0.5; use hanami_new.*",
        "",
        "*Its argument `old` is deprecated since 0.3, gone in 0.6.*",
        "",
    ]


if __name__ == "__main__":
    (ROOT / "docs" / "hooks.md").write_text(render())
