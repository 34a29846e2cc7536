"""The routes of the Open Inference Protocol. A model is a cluster, by its uuid or its name."""

from __future__ import annotations

import re
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.compute.descriptions import load_all
from hanami_core.errors import BadRequest, Conflict, NotFound, Unavailable
from hanami_core.http import Call, Empty, Page, Route, RouteGroup
from hanami_core.ids import UUID_PATTERN
from hanami_core.plugin_host import OWN_DISTRIBUTION
from hanami_plugins.api_inference.api import NAME
from hanami_plugins.api_inference.tensors import Inference, ShownName, Tensor, decode, from_rows, rows_of
from hanami_plugins.clusters import Cluster, get_cluster, interfaces, list_clusters
from hanami_plugins.predictions import Prediction, predict

__all__ = ["routes"]

LARGEST = 1 << 26
HEADER_LENGTH = "Inference-Header-Content-Length"
JSON, BYTES = "application/json", "application/octet-stream"
GROUP = RouteGroup("inference", "Ask whether a model is ready, what it takes, and let it answer.", 500)
MODEL = "/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"

ModelName = Annotated[str, Meta(examples=["reader"])]
ModelVersion = Annotated[str, Meta(examples=["3"])]


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """A model.

    Attributes:
        name: name or UUID of the cluster.
    """

    name: ModelName


class Versioned(Named, forbid_unknown_fields=True):
    """A model in a version.

    Attributes:
        version: version of the model: the number of its last stored state. Others are not available.
    """

    version: ModelVersion


class Infer(Inference, kw_only=True):
    """An inference.

    Attributes:
        name: name or UUID of the cluster.
    """

    name: ModelName


class InferVersion(Infer, kw_only=True):
    """An inference of a version.

    Attributes:
        version: version of the model: the number of its last stored state. Others are not available.
    """

    version: ModelVersion


class InferenceAnswer(msgspec.Struct):
    """The answers of a model.

    Attributes:
        model_name: name of the model, as in the path.
        model_version: number of the stored state that answered.
        outputs: the outputs that were requested.
        id: `id` of the request; missing if it had none.
    """

    model_name: ModelName
    model_version: ModelVersion
    outputs: Annotated[
        list[Tensor],
        Meta(examples=[[{"name": "label_hex", "shape": [1, 2], "datatype": "FP32", "data": [0.03, 0.97]}]]),
    ]
    id: Annotated[str | msgspec.UnsetType, Meta(examples=["42"])] = msgspec.UNSET


class Live(msgspec.Struct):
    """Whether the server answers.

    Attributes:
        live: always true.
    """

    live: bool


class Ready(msgspec.Struct):
    """Whether the server answers predictions.

    Attributes:
        ready: always true; a server that is not ready returns an error.
    """

    ready: bool


class ServerMetadata(msgspec.Struct):
    """The server.

    Attributes:
        name: name of the software.
        version: version of the software.
        extensions: extensions of the protocol that it knows.
    """

    name: Annotated[str, Meta(examples=[OWN_DISTRIBUTION])]
    version: Annotated[str, Meta(examples=["0.1.0"])]
    extensions: Annotated[list[str], Meta(examples=[["binary_tensor_data"]])]


class ModelReady(msgspec.Struct):
    """Whether a model answers.

    Attributes:
        name: name of the model, as in the path.
        ready: always true; a model that was never trained returns an error.
    """

    name: ModelName
    ready: bool


class Shape(msgspec.Struct):
    """An input or output of a model.

    Attributes:
        name: name of the input or output.
        datatype: type of its values.
        shape: number of rows, -1 for any number, and number of values in a row.
    """

    name: ShownName
    datatype: Annotated[str, Meta(examples=["FP32"])]
    shape: Annotated[list[int], Meta(examples=[[-1, 784]])]


class Model(msgspec.Struct):
    """A model.

    Attributes:
        name: name of the model, as in the path.
        versions: the only version: the number of the last stored state.
        platform: always `hanami`.
        inputs: inputs of the model.
        outputs: outputs of the model.
    """

    name: ModelName
    versions: Annotated[list[str], Meta(examples=[["3"]])]
    platform: Annotated[str, Meta(examples=["hanami"])]
    inputs: list[Shape]
    outputs: list[Shape]


route = partial(Route, api=NAME)
_UUID = re.compile(UUID_PATTERN)


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        route("GET", "/health/live", "inference.live", Empty, Live, live, anonymous=True),
        route("GET", "/health/ready", "inference.ready", Empty, Ready, ready, anonymous=True),
        route("GET", "", "inference.about", Empty, ServerMetadata, about, anonymous=True),
        route("GET", f"{MODEL}/ready", "clusters.get", Named, ModelReady, model_ready),
        route("GET", f"{VERSION}/ready", "clusters.get", Versioned, ModelReady, model_ready),
        route("GET", MODEL, "clusters.get", Named, Model, model),
        route("GET", VERSION, "clusters.get", Versioned, Model, model),
        predicts(f"{MODEL}/infer", described=Infer),
        predicts(f"{VERSION}/infer", described=InferVersion),
    )


def predicts(path: str, described: type[msgspec.Struct]) -> Route:
    """Return a route that predicts; its answer is JSON, or JSON with bytes behind it."""
    answer = InferenceAnswer | Page
    return route(
        "POST", path, "clusters.predict", None, answer, infer, max_body=LARGEST, reads=True, described=described
    )


def live(call: Call, request: Empty) -> Live:
    """Check that the server answers."""
    return Live(True)


def ready(call: Call, request: Empty) -> Ready:
    """Check that all compute hosts are there."""
    names = set(call.runtime.hosts)
    missing = sorted(names - load_all(call.runtime.settings.data_dir, names).keys())
    if missing:
        raise Unavailable("host_unavailable", host=missing[0], retry_after=1)
    return Ready(True)


def about(call: Call, request: Empty) -> ServerMetadata:
    """Return name and version of the server."""
    return ServerMetadata(OWN_DISTRIBUTION, version(OWN_DISTRIBUTION), ["binary_tensor_data"])


def model_ready(call: Call, request: Named) -> ModelReady:
    """Check that a model is trained and answers."""
    cluster = _cluster(call, request.name, getattr(request, "version", None))
    if not interfaces(cluster)[1]:
        raise Conflict("cluster_never_trained", uuid=cluster.uuid)
    return ModelReady(request.name, True)


def model(call: Call, request: Named) -> Model:
    """Return the inputs and outputs of a model."""
    cluster = _cluster(call, request.name, getattr(request, "version", None))
    inputs, outputs = ([Shape(n, "FP32", [-1, size]) for n, size in known.items()] for known in interfaces(cluster))
    return Model(request.name, [str(cluster.version)], "hanami", inputs, outputs)


def infer(call: Call, _: object) -> Page:
    """Predict.

    The body is JSON, or JSON with the bytes of tensors behind it, whose length the header
    ``Inference-Header-Content-Length`` tells.
    """
    name = str(call.params["name"])
    given = call.params.get("version")
    cluster = _cluster(call, name, None if given is None else str(given))
    asked, arrays = decode(*_body(call))
    inputs = {tensor: rows_of(tensor, values) for tensor, values in arrays.items()}
    found = predict(call.runtime, call.access, cluster.uuid, inputs)
    return _answer(call, name, asked, found)


def _cluster(call: Call, name: str, wanted: str | None) -> Cluster:
    cluster = get_cluster(call.access, name) if _UUID.fullmatch(name) else _by_name(call, name)
    if wanted is not None and wanted != str(cluster.version):
        raise NotFound("model_version_missing", name=name, version=wanted, known=cluster.version)
    return cluster


def _by_name(call: Call, name: str) -> Cluster:
    found = list(list_clusters(call.access).where(Cluster.name == name).limit(2))
    if not found:
        raise NotFound("model_missing", name=name)
    if len(found) > 1:
        raise Conflict("model_ambiguous", name=name)
    return found[0]


def _body(call: Call) -> tuple[bytes, int | None]:
    reader = call.body
    body = b"".join(iter(lambda: reader.read(LARGEST), b""))  # in pieces it would be copied more often
    given = call.req.get_header(HEADER_LENGTH)
    if given is None:
        return body, None
    if not given.isdecimal() or not given.isascii() or int(given) > len(body):
        raise BadRequest("header_length")
    return body, int(given)


def _answer(call: Call, name: str, asked: Inference, found: Prediction) -> Page:
    known = found.outputs
    all_binary = bool(asked.parameters.get("binary_data_output"))
    wanted = {one.name: bool(one.parameters.get("binary_data", all_binary)) for one in asked.outputs}
    for output in wanted:
        if output not in known:
            raise BadRequest("output_unknown", name=name, output=output, known=", ".join(known))
    wanted = wanted or dict.fromkeys(known, all_binary)
    tensors, behind = from_rows((output, known[output], binary) for output, binary in wanted.items())
    head = msgspec.json.encode(_described(name, asked.id, found.version, tensors))
    if not any(wanted.values()):
        return Page(head, JSON)
    call.resp.set_header(HEADER_LENGTH, str(len(head)))
    return Page(head + behind, BYTES)


def _described(name: str, identity: str, state: int, tensors: list[Tensor]) -> dict[str, Any]:
    answer = {"model_name": name, "model_version": str(state), "outputs": tensors}
    return answer | ({"id": identity} if identity else {})
