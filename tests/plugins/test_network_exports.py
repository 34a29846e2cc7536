"""Networks that leave the server as ONNX models and as modules of Python answer what their clusters answer."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.errors import Unprocessable
from hanami_core.network.formula import Formula
from hanami_plugins.export_numpy import module
from hanami_plugins.export_onnx import model_bytes
from tests.plugins.data import idx
from tests.plugins.export_kit import Inputs, agree, by_numpy, by_onnx, imported
from tests.plugins.home_kit import CLASSES, LINE, ROWS, Home, points

pytestmark = pytest.mark.timeout(300)

TWO = """version: 1
settings:
    blocks: 2
    max_connection_distance: 2
hexagons:
    1,1,1
    1,2,1
    2,1,1
    3,1,1
    3,2,1
inputs:
    left: 1,1,1
    right: 1,2,1
outputs:
    kind: 3,1,1
    size: 3,2,1
"""
DEEP = """version: 1
settings:
    blocks: 2
    max_connection_distance: 2
hexagons:
    1,1,1
    1,2,1
    2,2,1
    2,1,1
    3,1,1
    4,1,1
    4,2,1
inputs:
    left: 1,1,1
    right: 1,2,1
outputs:
    kind: 4,1,1
    size: 4,2,1
"""
SYNAPSE = DEEP.replace("blocks: 2", "growth: synapse")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home(tmp_path_factory.mktemp("home")) as opened:
        yield opened


def rows(seed: int) -> dict[str, np.ndarray]:
    """Return columns of all kinds: negative, shifted, constant, never active, and far out of what was trained."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(ROWS, 3)) * (1, 10, 0.01) + (0, 2000, -5)
    right = np.stack([np.full(ROWS, 7.0), np.zeros(ROWS), random.integers(0, 255, ROWS)], axis=1)
    kind = np.eye(CLASSES)[np.arange(ROWS) % CLASSES]
    size = random.uniform(size=(ROWS, 2))
    return {"left": values, "right": right, "kind": kind, "size": size}


def wild(seed: int) -> dict[str, np.ndarray]:
    """Return inputs beyond everything that was trained."""
    random = np.random.default_rng(seed)
    left, right = (100 * random.normal(size=(ROWS, 3)) * (1, 10, 1) for _ in range(2))
    return {"left": left, "right": np.round(right)}


def table(home: Home, name: str, columns: Inputs) -> str:
    flat = {f"{c}[{n}]": values[:, n].tolist() for c, values in columns.items() for n in range(values.shape[1])}
    return home.table(name, flat)


def asked(home: Home, cluster: str, dataset: str, inputs: list[str], outputs: list[str]) -> dict[str, np.ndarray]:
    """Return what a cluster answers to a table."""
    given = [{"dataset_uuid": dataset, "dataset_column": name, "hexagon_name": name} for name in inputs]
    results = [{"dataset_column": name, "hexagon_name": name} for name in outputs]
    body = {"name": "a request", "cluster_uuid": cluster, "inputs": given, "results": results, "time_length": 1}
    task = home.ok("POST", "task/request", **body)["uuid"]
    home.finish(cluster, task)
    content = {"uuid": task, "row_offset": 0, "number_of_rows": ROWS}
    found = {name: home.ok("GET", "dataset/content", column_name=name, **content)["data"] for name in outputs}
    return {name: np.array(data, np.float32) for name, data in found.items()}


def exported(home: Home, checkpoint: str, format_name: str) -> bytes:
    answer = home.raw("checkpoint/export", uuid=checkpoint, format=format_name)
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


@pytest.fixture(scope="module")
def networks(home: Home) -> dict[str, Any]:
    """Return what several networks answer, with their checkpoints."""
    training = table(home, "training", rows(1))
    questions = {"known": rows(1), "new": rows(2), "wild": wild(3)}
    tables = {name: table(home, name + " rows", columns) for name, columns in questions.items()}
    found = {}
    for name, template in (("flat", TWO), ("deep", DEEP), ("synapse", SYNAPSE)):
        cluster = home.cluster(template, name + " network")
        body = {
            "name": "a training",
            "cluster_uuid": cluster,
            "inputs": [{"dataset_uuid": training, "dataset_column": n, "hexagon_name": n} for n in ("left", "right")],
            "outputs": [{"dataset_uuid": training, "dataset_column": n, "hexagon_name": n} for n in ("kind", "size")],
            "time_length": 1,
        }
        for _ in range(3):
            home.finish(cluster, home.ok("POST", "task/train", **body)["uuid"])
        answers = {
            question: asked(home, cluster, uuid, ["left", "right"], ["kind", "size"])
            for question, uuid in tables.items()
        }
        found[name] = home.save(cluster), questions, answers
    return found


@pytest.mark.parametrize("name", ["flat", "deep", "synapse"])
@pytest.mark.parametrize("question", ["known", "new", "wild"])
def test_an_export_answers_what_its_cluster_answers(
    home: Home, networks: Any, tmp_path: Path, name: str, question: str
) -> None:
    checkpoint, questions, answers = networks[name]
    inputs = {column: questions[question][column] for column in ("left", "right")}
    agree(by_onnx(exported(home, checkpoint, "onnx"), inputs), answers[question])
    agree(by_numpy(exported(home, checkpoint, "numpy"), inputs, tmp_path), answers[question])
    assert np.ptp(answers[question]["kind"]) > 0.01


def pictures(home: Home, seed: int) -> tuple[str, np.ndarray]:
    """Upload pictures, whose values are bytes."""
    random = np.random.default_rng(seed)
    kinds = np.arange(ROWS) % 10
    values = random.integers(0, 120, (ROWS, 20)) + 130 * (np.arange(20) // 2 == kinds[:, None])
    files = {"input": idx(values.reshape(ROWS, 5, 4)), "label": idx(kinds)}
    sizes = {f"{part}_data_size": len(content) for part, content in files.items()}
    begun = home.ok("POST", "dataset/upload/mnist", name=f"pictures {seed}", **sizes)
    for part, content in files.items():
        home.send(begun[f"uuid_{part}_file"], content)
    ended = {name: begun[name] for name in ("uuid", "uuid_input_file", "uuid_label_file")}
    home.ok("PUT", "dataset/upload/mnist", **ended)
    return str(begun["uuid"]), values


def test_an_export_of_rounded_weights_answers_bytes(home: Home, tmp_path: Path) -> None:
    cluster = home.cluster(LINE.replace("blocks: 1", "precision: int8"), "rounded")
    training, _ = pictures(home, 1)
    for _ in range(3):
        home.train(cluster, training, "picture", "label")
    asked, values = pictures(home, 2)
    answers = {"out": home.ask(cluster, asked, "picture", 10, ROWS)}
    checkpoint, inputs = home.save(cluster), {"in": values}
    agree(by_onnx(exported(home, checkpoint, "onnx"), inputs), answers)
    content = exported(home, checkpoint, "numpy")
    agree(by_numpy(content, inputs, tmp_path), answers)
    network = imported(content, tmp_path)
    assert network.TYPES == {"in": "uint8"}
    for value in (0.5, 256, -1):
        with pytest.raises(ValueError, match="values of the input in are whole numbers from 0 to 255"):
            network.predict({"in": np.full(20, value)})


def test_the_same_checkpoint_gives_the_same_file(home: Home, networks: Any) -> None:
    checkpoint = networks["deep"][0]
    for format_name in ("onnx", "numpy"):
        whole = home.raw("checkpoint/export", uuid=checkpoint, format=format_name)
        assert whole.headers["Content-Disposition"].endswith((".onnx", ".zip"))
        again = {"Range": "bytes=100-", "If-Range": whole.headers["ETag"]}
        rest = home.raw("checkpoint/export", again, uuid=checkpoint, format=format_name)
        assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert list((home.runtime.settings.data_dir / "blobs").rglob("*.part")) == []


def test_the_module_needs_numpy_only_and_says_what_is_wrong(home: Home, networks: Any, tmp_path: Path) -> None:
    content = exported(home, networks["flat"][0], "numpy")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["hanami_network.py", "hanami_network.npz"]
        archive.extractall(tmp_path)
    code = (
        "import sys, hanami_network as n; n.predict({'left': [1, 2, 3], 'right': [4, 5, 6]});"
        "print(*[m for m in sys.modules if m.startswith('hanami')])"
    )
    command = [sys.executable, "-I", "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r});{code}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("hanami_network\n", "")
    network = imported(content, tmp_path)
    assert (network.INPUTS, network.OUTPUTS) == ({"left": 3, "right": 3}, {"kind": CLASSES, "size": 2})
    row = [1.0, 2.0, 3.0]
    for inputs, told in (
        ({"left": row}, "the inputs are left, right, not left"),
        ({"left": row, "right": row[:2]}, r"rows of the input right have 3 values, not the shape \(1, 2\)"),
        ({"left": [row, row], "right": row}, "the inputs have different numbers of rows"),
    ):
        with pytest.raises(ValueError, match=told):
            network.predict(inputs)


def refused(home: Home, checkpoint: str, format_name: str = "onnx") -> str:
    answer = home.call("GET", "checkpoint/export", uuid=checkpoint, format=format_name)
    assert answer.status_code == 400
    return str(answer.text)


def test_what_can_not_be_exported_is_refused_with_the_reason(home: Home, networks: Any) -> None:
    checkpoint = networks["flat"][0]
    assert refused(home, checkpoint, "pickle") == "There is no export 'pickle', known are: numpy, onnx"
    can_not = "The network cannot be exported: "
    untrained = home.save(home.cluster(LINE, "untrained"))
    assert refused(home, untrained) == can_not + "it was never trained"
    memory = LINE.replace("blocks: 1", "growth: synapse\n    neuron_cooldown: 1.5")
    spiking = home.trained(home.table("points", points()), memory, "spiking")
    told = "with neuron_cooldown: 1.5 its neurons remember the rows before"
    assert refused(home, spiking, "numpy") == can_not + told
    stranger = home.member("curious")
    answer = home.call("GET", "checkpoint/export", as_token=stranger, uuid=checkpoint, format="onnx")
    assert answer.status_code == 404


def test_names_of_users_are_never_code(tmp_path: Path) -> None:
    names = ['"); import os; x = ("', "value0", "limit", "{inputs}", "naïve 'name' #1\n"]
    formula = Formula(dict.fromkeys(names, 1), {"value_1": 5})
    formula.results["value_1"] = formula.step("sigmoid", formula.concatenated(range(len(names))))
    inputs = {name: np.full((2, 1), number, np.float32) for number, name in enumerate(names)}
    expected = formula.evaluate(inputs)
    agree(by_onnx(model_bytes(formula), inputs), expected)
    agree(by_numpy(b"".join(module.archive(formula)), inputs, tmp_path), expected)


def test_a_missing_library_and_a_size_that_no_file_has_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = Formula({"in": 1}, {"out": 1})
    formula.results["out"] = formula.step("relu", 0)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "onnx.helper", None)
        with pytest.raises(Unprocessable, match="export needs library"):
            model_bytes(formula)
    formula.values += [np.broadcast_to(np.float32(0), (1 << 30,))]
    with pytest.raises(Unprocessable, match="less than 2"):
        model_bytes(formula)
