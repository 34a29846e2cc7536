"""What a session template says: the grammar of Backend.AI's manual, section "Full syntax for task template"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest

__all__ = ["GitCredential", "TaskTemplate", "outline", "read", "written"]

T = TypeVar("T")

Text = Annotated[str, Meta(pattern=r"^[^\x00]*\Z")]
Label = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]+\Z", max_length=254)]
Scalar = Text | int | float
"""A text, or a number that YAML has read where somebody has left out the quotes."""

WRAPPER = "session_templates"
ALIASES: Mapping[tuple[str, ...], Mapping[str, str]] = {
    (): {"apiVersion": "api_version"},
    ("spec",): {"type": "sessionType", "session_type": "sessionType", "scalingGroup": "scaling_group"},
    # The manual's own misspelling among them.
    ("spec", "kernel", "run"): {
        "stratup": "startup_command",
        "startup": "startup_command",
        "startupCommand": "startup_command",
    },
    ("spec", "kernel", "git"): {"destination_dir": "destinationDir"},
}
"""Other names of fields, by the objects that they stand in."""


class Metadata(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Name and tag of the sessions."""

    name: Label
    tag: Text | None = None


class TemplateRun(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What runs when a session begins."""

    bootstrap: Text | None = None
    startup_command: Text | None = None


class GitCredential(msgspec.Struct, forbid_unknown_fields=True):
    """Who clones a repository."""

    username: Text
    password: Text


class Git(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename={"destination_dir": "destinationDir"}):
    """A repository that is cloned when a session begins."""

    repository: Annotated[Text, Meta(min_length=1)]
    commit: Text | None = None
    branch: Text | None = None
    credential: GitCredential | None = None
    destination_dir: Text | None = None


class Kernel(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a session runs on."""

    image: Annotated[Text, Meta(min_length=1)]
    architecture: Text | None = None
    environ: dict[str, Scalar] | None = None
    run: TemplateRun | None = None
    git: Git | None = None


class Spec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename={"session_type": "sessionType"}):
    """What a session is like; a mount without a path is mounted under its own name."""

    kernel: Kernel
    session_type: Literal["interactive", "batch"] = "interactive"
    scaling_group: Text | None = None
    mounts: dict[str, Text | None] | None = None
    resources: dict[str, Scalar] | None = None


class TaskTemplate(msgspec.Struct, forbid_unknown_fields=True):
    """A template of sessions."""

    api_version: Label
    kind: Literal["taskTemplate", "task_template"]
    metadata: Metadata
    spec: Spec


def read(value: Any) -> TaskTemplate:
    """Return the template that plain values stand for: the bare document, or one within `session_templates`.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
    """
    place: tuple[str, ...] = ()
    if isinstance(value, dict) and WRAPPER in value:
        value, place = _unwrapped(value)
    template = _converted(_renamed(value, (), place), place)
    for values in (template.spec.kernel.environ, template.spec.resources):
        for name, one in (values or {}).items():
            assert values is not None
            values[name] = str(one)
    return template


def written(template: TaskTemplate) -> Any:
    """Return a template as plain values, which `read` accepts."""
    return msgspec.to_builtins(template)


def outline(document: str) -> Any:
    """Return what a stored document says as plain values, without a git password."""
    template = msgspec.json.decode(document, type=TaskTemplate)
    values, git = written(template), template.spec.kernel.git
    if git is not None and git.credential is not None:
        del values["spec"]["kernel"]["git"]["credential"]["password"]
    return values


def _unwrapped(value: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    listed = value[WRAPPER]
    if len(value) != 1:
        raise _invalid((), f"beside '{WRAPPER}' there can be nothing")
    if not isinstance(listed, list) or len(listed) != 1:
        raise _invalid((WRAPPER,), "it must be a list with one template")
    place = (f"{WRAPPER}[0]",)
    if not isinstance(listed[0], dict) or set(listed[0]) != {"template"}:
        raise _invalid(place, "it must be an object with 'template' alone")
    return listed[0]["template"], (*place, "template")


def _renamed(value: Any, path: tuple[str, ...], place: tuple[str, ...]) -> Any:
    """Return values whose fields have the first of their names, as far as the grammar knows names."""
    if not isinstance(value, dict) or not any(known[: len(path)] == path for known in ALIASES):
        return value
    aliases, found = ALIASES.get(path, {}), {}
    for name, inner in value.items():
        known = aliases.get(name, name)
        if known in found:
            raise _invalid((*place, *path, name), f"it is given twice, also as '{known}'")
        found[known] = _renamed(inner, (*path, known), place)
    return found


def _converted(value: Any, place: tuple[str, ...]) -> TaskTemplate:
    try:
        return msgspec.convert(value, TaskTemplate)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$")
        raise _invalid(place, text, where.strip("`")) from None


def _invalid(place: tuple[str, ...], reason: str, inner: str = "") -> BadRequest:
    return BadRequest("field_invalid", field=".".join(("payload", *place)) + inner, reason=reason)
