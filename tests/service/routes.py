"""Every route of every Api, and calls that name something in each of their fields; no test lists routes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hanami_core.http import BoundRoute
from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from tests.service.wire import NOBODY

__all__ = ["every_route", "fields_of", "names_something", "only_for_admins"]

NOUNS = ("cluster", "dataset", "task", "checkpoint", "folder", "request_result")
REST: dict[str, Any] = {
    "name": "stolen",
    "role": "member",
    "password": "a long passphrase",
    "visibility": "public",
    "new_state": "DIRECT",
    "column_name": "picture",
    "type": "train",
    "page": 0,
    "input_data_size": 5,
    "label_data_size": 5,
    "resource": "clusters",
    "format": "onnx",
    "limit": 5,
    "lease": 600,
    "is_active": True,
    "payload": "{api_version: v1, kind: taskTemplate, metadata: {name: stolen}, spec: {kernel: {image: python}}}",
    "path": "file",
    "target_path": "target",
    "files": {"input": "file"},
    "permission": "ro",
    "size": 5,
    "token": "t",
    "offset": 0,
}
"""Right values of required fields that name nothing."""


def every_route(data_dir: Path) -> list[BoundRoute]:
    """Return the routes with fields of a server that has this data directory."""
    runtime = Runtime.open(data_dir, "api", environ={}, plugins=PluginHost(installed_plugins()))
    found = [one for one in runtime.routes if one.route.request is not None]
    runtime.close()
    return found


def _is_identity(field: str) -> bool:
    return (
        field in ("id", "uuid", "user_id", "project_id", "access_key")
        or field.endswith("_uuid")
        or field.startswith("uuid_")
    )


def names_something(one: BoundRoute) -> bool:
    """Tell whether a field of a route names a resource, a user or a project."""
    assert one.route.request is not None
    return any(map(_is_identity, one.route.request.__struct_fields__))


def only_for_admins(one: BoundRoute) -> bool:
    """Tell whether a route suggests itself to admins alone."""
    return one.route.roles == ("admin",) and not one.route.anonymous


def fields_of(one: BoundRoute, known: dict[str, str]) -> dict[str, Any]:
    """Return all that a call needs and all that it may name.

    Args:
        one: the route.
        known: identities by noun, ``host``, ``user`` and ``project``; the rest is nobody's.
    """
    assert one.route.request is not None
    found = {noun: known.get(noun, NOBODY) for noun in (*NOUNS, "host")}
    dataset, cluster = found["dataset"], found["cluster"]
    source = {"dataset_uuid": dataset, "dataset_column": "picture", "hexagon_name": "picture_hex"}
    values: dict[str, Any] = {f"{noun}_uuid": uuid for noun, uuid in found.items()} | REST
    values |= {
        "uuid": next((found[noun] for noun in one.path.split("/") if noun in found), NOBODY),
        "reference_uuid": dataset,
        "result_uuid": found["request_result"],
        "connection_uuid": cluster,
        "uuid_input_file": dataset,
        "uuid_label_file": dataset,
        "id": known.get("user", "nobody"),
        "user_id": known.get("user", "nobody"),
        "access_key": known.get("keypair", "AKIA" + 16 * "A"),
        "project_id": known.get("project", "nowhere"),
        "inputs": [source],
        "outputs": [source | {"dataset_column": "label", "hexagon_name": "label_hex"}],
        "results": [{"dataset_column": "answer", "hexagon_name": "label_hex"}],
    }
    if one.path.endswith("/predict"):
        values["inputs"] = {"picture_hex": [[0.0]]}
    fields = msgspec.structs.fields(one.route.request)
    wanted = {field.name for field in fields if field.required or _is_identity(field.name)}
    assert wanted <= values.keys(), f"{one.key}: what does a call of it say?"
    return {name: values[name] for name in wanted}
