"""Makes Markdown of the docstrings and signatures of public names. Knows no name; `chapters` says which there are."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import peewee

from tests.contracts.chapters import CHAPTERS, Chapter

__all__ = ["documented", "heading", "public_members", "render"]

WIDTH = 100
SECTION = re.compile(r"^(Args|Arguments|Attributes|Returns|Raises|Yields):\n((?:[ \t]+.*\n?|\n(?=[ \t]))+)", re.M)
ENTRY = re.compile(r"^    (\w[\w, ]*): ", re.M)


def render() -> str:
    """Return the whole page."""
    lines = [
        "# Contracts",
        "",
        "The classes and functions that plugins use, generated from their docstrings, with the lines that import them.",
        "Anything that is not listed here may change at any time. The [hook reference](hooks.md) lists the hooks that",
        "take and return them, and the [plugin guide](plugin_guide.md) shows how to use them.",
        "",
    ]
    for chapter in CHAPTERS:
        links = ", ".join(f"[`{name}`](#{anchor_of(module, name)})" for module, name in entries(chapter))
        lines += [f"* [{chapter.heading}](#{anchor(chapter.heading)}): {links}"]
    for chapter in CHAPTERS:
        lines += ["", f"## {chapter.heading}", "", chapter.text]
        for module, name in entries(chapter):
            lines += ["", f"### {heading(module, name)}", "", *described(module, name)]
    return "\n".join(lines) + "\n"


def entries(chapter: Chapter) -> Iterator[tuple[str, str]]:
    """Iterate over modules and names of a chapter."""
    for module, names in chapter.names.items():
        yield from ((module, name) for name in names)


def documented() -> dict[tuple[str, str], Any]:
    """Return everything that is described, by module and name."""
    places = [place for chapter in CHAPTERS for place in entries(chapter)]
    return {(module, name): getattr(importlib.import_module(module), name) for module, name in places}


def heading(module: str, name: str) -> str:
    """Return the heading of an entry; names alone are not unique."""
    kind = "Function " if inspect.isfunction(getattr(importlib.import_module(module), name)) else ""
    return f"{kind}`{name}` of `{module}`"


def anchor_of(module: str, name: str) -> str:
    """Return what links to an entry name."""
    return anchor(heading(module, name))


def anchor(text: str) -> str:
    """Return what links name, as GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def described(module: str, name: str) -> list[str]:
    """Return the lines of one entry."""
    item = documented()[module, name]
    lines = ["```python", f"from {module} import {name}"]
    if isinstance(item, type):
        return [*lines, "", *class_lines(item), "```", "", *text_of(item), *member_lines(item)]
    if inspect.isfunction(item):
        return [*lines, "", *signature_lines(f"def {name}", item), "```", "", *text_of(item)]
    own = type(item).__doc__ if type(item).__module__.startswith("pluggy") else None
    comment = own.splitlines()[0] if own else comment_of(module, name)
    alias = [] if own else ["", *alias_lines(module, name)]
    return [*lines, *alias, "```", *(["", comment] if comment else [])]


# -- classes ----------------------------------------------------------------------------------------------------------


def class_lines(item: type) -> list[str]:
    """Return how a class is declared and made."""
    bases = [base.__name__ for base in item.__bases__ if base not in (object,) and base.__name__ != "Generic"]
    name = f"class {item.__name__}({', '.join(bases)})" if bases else f"class {item.__name__}"
    if issubclass(item, enum.Enum):
        return [f"{name}:", *(f"    {member.name} = {member.value!r}" for member in item)]
    if issubclass(item, peewee.Model):
        return [f"{name}:", *(f"    {line}" for line in columns_of(item))]
    if getattr(item, "_is_protocol", False) or not constructed(item):
        return [name]
    return [*([name] if bases else []), *signature_lines(item.__name__, item)]


def constructed(item: type) -> bool:
    """Tell whether a class has a constructor of its own that its signature tells something about."""
    own = dataclasses.is_dataclass(item) or hasattr(item, "__struct_fields__") or hasattr(item, "_fields")
    made = any("__init__" in vars(base) and base.__module__.startswith("hanami") for base in item.__mro__)
    return own or made


def columns_of(item: type[peewee.Model]) -> list[str]:
    """Return the columns that a model adds to those of the class that it is derived from."""
    inherited = {name for base in item.__mro__[1:] for name in getattr(getattr(base, "_meta", None), "fields", ())}
    fields = [(name, field) for name, field in item._meta.fields.items() if name not in inherited]
    return [f"{name} = {type(field).__name__}({'null=True' if field.null else ''})" for name, field in fields] or [
        "..."
    ]


def public_members(item: type) -> dict[str, Any]:
    """Return methods and properties that a class defines itself and that belong to its contract."""
    found = {}
    for name, member in vars(item).items():
        function = function_of(member)
        special = name in ("__enter__", "__exit__", "__getitem__", "__setitem__", "__contains__", "__iter__", "__len__")
        test = name.startswith("test_")  # of a suite; its name says all
        if function is not None and not test and (special or not name.startswith("_")):
            found[name] = function
    return found


def function_of(member: Any) -> Callable[..., Any] | None:
    """Return the function behind a method, class method, static method, property or fixture."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, cached_property):
        return member.func
    if isinstance(member, (classmethod, staticmethod)):
        return member.__func__
    wrapped = getattr(member, "_fixture_function", None)  # a fixture of pytest
    if wrapped is not None:
        return function_of(wrapped)
    return member if inspect.isfunction(member) else None


def member_lines(item: type) -> list[str]:
    """Return a list of the members of a class."""
    lines: list[str] = []
    for name, function in public_members(item).items():
        if function.__module__.startswith("hanami") and inspect.getdoc(function):
            shown = f"**`{name}{'' if is_value(item, name) else shown_signature(function)}`**"
            result = annotation(inspect.signature(function).return_annotation) if is_value(item, name) else ""
            head, *rest = text_of(function)
            lines += [f"* {shown}{f' `{result}`' if result else ''}: {head}", *(f"  {line}".rstrip() for line in rest)]
    return ["", *lines] if lines else []


def is_value(item: type, name: str) -> bool:
    """Tell whether a member is read and not called."""
    return isinstance(vars(item)[name], (property, cached_property))


# -- signatures -------------------------------------------------------------------------------------------------------


def signature_lines(start: str, item: Any) -> list[str]:
    """Return a signature, one parameter a line if it is long."""
    text = shown_signature(item)
    if len(start + text) <= WIDTH:
        return [start + text]
    return [f"{start}(", *(f"    {parameter}," for parameter in separated(item)), f"){result_of(item)}"]


def shown_signature(item: Any) -> str:
    """Return a signature in one line."""
    return f"({', '.join(separated(item))}){result_of(item)}"


def result_of(item: Any) -> str:
    """Return what a function returns; of a class that is clear."""
    result = "" if isinstance(item, type) else annotation(inspect.signature(item).return_annotation)
    return f" -> {result}" if result else ""


def separated(item: Any) -> list[str]:
    """Return the public parameters, with a star before those that must be named."""
    shown: list[str] = []
    for parameter in inspect.signature(item).parameters.values():
        if parameter.name in ("self", "cls") or parameter.name.startswith("_"):
            continue
        star = any(text.startswith("*") for text in shown)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            shown.append("*")
        shown.append(shown_parameter(parameter))
    return shown


def shown_parameter(parameter: inspect.Parameter) -> str:
    """Return a parameter with its type and default."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    kind = annotation(parameter.annotation)
    text = f"{stars}{parameter.name}{f': {kind}' if kind else ''}"
    if parameter.default is inspect.Parameter.empty:
        return text
    return f"{text} = {default(parameter.default)}"


def default(value: Any) -> str:
    """Return a default as it is written, or dots for one that is made each time."""
    text = f"{type(value).__name__}.{value.name}" if isinstance(value, enum.Enum) else repr(value)
    return "..." if text.startswith("<") or "object at 0x" in text else text


def annotation(value: Any) -> str:
    """Return an annotation as it is written."""
    if value is inspect.Parameter.empty or value is inspect.Signature.empty:
        return ""
    if isinstance(value, str):
        return value.strip("'\"")
    return value.__name__ if isinstance(value, type) else re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(value))


# -- texts ------------------------------------------------------------------------------------------------------------


def text_of(item: Any) -> list[str]:
    """Return a docstring as Markdown."""
    doc = item.__doc__ if isinstance(item, type) else inspect.getdoc(item)
    if isinstance(item, type) and doc and doc.startswith(f"{item.__name__}("):
        doc = None  # made by dataclasses
    text = SECTION.sub(lambda match: listed(match[1], match[2]), inspect.cleandoc(doc or "") + "\n")
    return re.sub(r"\n{3,}", "\n\n", text.replace("``", "`")).strip().splitlines()


def listed(title: str, body: str) -> str:
    """Return a section of a docstring as a list."""
    body = re.sub(r"^\n+", "", body)
    if not ENTRY.search(body) or title in ("Returns", "Yields"):
        return f"*{title}*: {inspect.cleandoc(body)}\n"
    items = ENTRY.sub(lambda match: f"* `{match[1]}`: ", body)
    items = re.sub(r"^      +(?=\S)", "  ", items, flags=re.M)
    return f"*{title}*:\n\n{items.rstrip()}\n\n"


def comment_of(module: str, name: str) -> str:
    """Return the text that stands below a value in its module."""
    match = re.search(rf'^{name}\b[^\n]*\n"""(.*?)"""', source_of(module, name), re.M | re.S)
    return match[1] if match else ""


def alias_lines(module: str, name: str) -> list[str]:
    """Return the lines that define a value."""
    match = re.search(rf"^{name}(?:: [^=\n]+)? = (?:.+?)(?=\n(?:[^\s\])]|\n))", source_of(module, name), re.M | re.S)
    return match[0].splitlines() if match else []


def source_of(module: str, name: str) -> str:
    """Return the text of the module that defines a value, which another one may only pass on."""
    text = inspect.getsource(importlib.import_module(module))
    passed_on = re.search(rf"^from (hanami[\w.]+) import [^\n(]*\b{name}\b", text, re.M)
    return source_of(passed_on[1], name) if passed_on else text
