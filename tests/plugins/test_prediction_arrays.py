"""Predictions whose rows are a file of NumPy, and files that are none."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hanami_core.errors import BadRequest
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.predictions.arrays import NPY, NPZ, from_npy, from_npz
from tests.plugins.test_native_routes import trained
from tests.plugins.test_predictions import ROWS, with_two_inputs


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeApp]:
    with NativeApp(tmp_path_factory.mktemp("home") / "data", compute="cpu0") as opened:
        yield opened


@pytest.fixture(scope="module")
def cluster(app: NativeApp) -> str:
    return trained(app)


def npy(rows: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def send(app: NativeApp, cluster: str, content: bytes, kind: str = NPY, **query: str) -> Any:
    headers = {"X-Auth-Token": app.token, "Content-Type": kind}
    params = {"uuid": cluster} | query
    return app.http.simulate_post(f"{app.prefix}/cluster/predict", params=params, headers=headers, body=content)


def by_json(app: NativeApp, cluster: str, inputs: Any = ROWS) -> Any:
    return app.call("POST", "cluster/predict", uuid=cluster, inputs=inputs).json


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", "u1", "<i4", ">i8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_any_numbers_is_answered_as_rows_are(app: NativeApp, cluster: str, kind: str, order: Any) -> None:
    rows = [[1, 0], [0, 1], [1, 1]]
    answer = send(app, cluster, npy(np.array(rows, kind, order=order)))
    assert answer.status_code == 200, answer.text
    assert answer.json["outputs"] == by_json(app, cluster, [[float(one) for one in row] for row in rows])["outputs"]


def test_one_dimension_is_one_row(app: NativeApp, cluster: str) -> None:
    answer = send(app, cluster, npy(np.float32(ROWS[2])), f"{NPY}; charset=binary").json
    assert answer["outputs"] == by_json(app, cluster, ROWS[2:])["outputs"]


def test_several_inputs_come_by_name(app: NativeApp) -> None:
    cluster = with_two_inputs(app)
    first, second = np.array(ROWS), np.array(ROWS)[::-1]
    answer = send(app, cluster, npz(first=first, second=second), NPZ)
    expected = by_json(app, cluster, {"first": first.tolist(), "second": second.tolist()})
    assert answer.json["outputs"] == expected["outputs"]
    unnamed = send(app, cluster, npy(first))
    assert "the cluster has several inputs: first, second" in unnamed.text
    assert (unnamed.status_code, send(app, cluster, npz(first=first), NPZ).status_code) == (400, 400)


def compressed() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{"in": np.zeros((100, 2))})
    return file.getvalue()


def tall(rows: int) -> bytes:
    """Return a file that says it has more rows than it has."""
    return npy(np.zeros((1, 2), "<f4")).replace(b"(1, 2)", b"(%d, 2)" % rows)


def far() -> bytes:
    """Return an archive whose part begins where no file of this size ends."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("in.npy", npy(np.zeros((1, 2))))
        archive.filelist[0].header_offset = (1 << 64) - 1
    return file.getvalue()


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([[object()]]), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", NPY, "the body is not a file of NumPy: it does not begin as one"),
        (b"[[1.0, 0.0]]", NPY, "the body is not a file of NumPy: it does not begin as one"),
        (npy(np.zeros((1, 2))).replace(b"NUMPY\x01", b"NUMPY\x09"), NPY, "its head cannot be read"),
        (npy(np.zeros((1, 2))).replace(b"NUMPY\x01", b"NUMPY\x03"), NPY, "its head cannot be read"),
        (npy(np.zeros((2, 1))).replace(b"(2, 1),", b"(-2,-1)"), NPY, "its head cannot be read"),
        (npy(np.zeros((1, 2))).replace(b"v\x00{", b"\x0b\x00{"), NPY, "its head cannot be read"),
        (far(), NPZ, "the body is not a file of NumPy"),
        (npy(np.zeros((1, 2)))[:9], NPY, "its head cannot be read"),
        (npy(np.zeros((1, 2)))[:-1], NPY, "its length is not that of its shape"),
        (tall(9), NPY, "its length is not that of its shape"),
        (pickled(), NPY, "the array must be made of numbers, not of object"),
        (npy(np.array([["a", "b"]])), NPY, "the array must be made of numbers, not of <U1"),
        (npy(np.zeros((1, 2), "<c8")), NPY, "the array must be made of numbers, not of complex64"),
        (npy(np.zeros((1, 2), [("x", "<f4")])), NPY, "the array must be made of numbers"),
        (npy(np.zeros((1, 2, 3))), NPY, "the array must have rows and columns, but it has 3 dimensions"),
        (npy(np.float32(1.0)), NPY, "the array must have rows and columns, but it has 0 dimensions"),
        (npy(np.zeros((3, 1))), NPY, "'inputs': rows of 'in' have 1 values, but the cluster was trained with 2"),
        (npy(np.zeros((0, 2))), NPY, "'inputs' has no rows for 'in'"),
        (npy(np.array([[0.0, np.nan]])), NPY, "'inputs': row 0 of 'in' has a value that is not finite"),
        (npy(np.array([[0.0, 0.0], [0.0, 1e300]])), NPY, "'inputs': row 1 of 'in' has a value that is not finite"),
        (npz(other=np.zeros((1, 2))), NPZ, "the cluster has no input 'other', known are: in"),
        (npz(), NPZ, "'inputs' has no rows for 'in'"),
        (b"PK\x03\x04", NPZ, "the body is not a file of NumPy"),
        (npz(**{"in": np.zeros((9, 2))})[:-40], NPZ, "the body is not a file of NumPy"),
        (compressed(), NPZ, "the body must be an uncompressed .npz file, as numpy.savez writes it"),
    ],
)
def test_what_are_no_rows_is_refused(app: NativeApp, cluster: str, content: bytes, kind: str, reason: str) -> None:
    answer = send(app, cluster, content, kind)
    assert answer.status_code == 400
    assert reason in answer.text


def test_fields_are_those_of_the_query(app: NativeApp, cluster: str) -> None:
    assert send(app, cluster, npy(np.array(ROWS)), inputs="1").status_code == 400
    headers = {"X-Auth-Token": app.token, "Content-Type": NPY}
    answer = app.http.simulate_post(f"{app.prefix}/cluster/predict", headers=headers, body=npy(np.array(ROWS)))
    assert (answer.status_code, "uuid" in answer.text) == (400, True)


def test_rows_may_take_more_than_the_body_of_other_calls(app: NativeApp, cluster: str) -> None:
    limit = app.runtime.settings["http.max_body"]
    rows = np.full((limit // 16 + 1, 2), 0.12345678901)
    assert send(app, cluster, npy(rows)).status_code == 200
    refused = app.call("POST", "cluster/predict", uuid=cluster, inputs=rows.tolist())
    assert (refused.status_code, refused.text) == (400, f"Body is larger than {limit} bytes")


def test_too_many_rows_are_refused(app: NativeApp, cluster: str) -> None:
    answer = send(app, cluster, npy(np.zeros((3_000_000, 2), np.uint8)))
    assert "are allowed by the setting predictions.max_values" in answer.text


SHAPES = npst.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=5)
KINDS = st.one_of(npst.boolean_dtypes(), npst.integer_dtypes(), npst.unsigned_integer_dtypes(), npst.floating_dtypes())


@settings(deadline=None)
@given(npst.arrays(KINDS, SHAPES), st.sampled_from("CF"))
def test_what_numpy_has_written_is_read(array: Any, order: Any) -> None:
    with np.errstate(over="ignore"):
        expected = np.atleast_2d(array).astype(np.float32)
    content = npy(np.asarray(array, order=order))
    assert np.array_equal(from_npy(content), expected, equal_nan=True)
    assert np.array_equal(from_npz(npz(rows=array))["rows"], expected, equal_nan=True)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: Any) -> None:
    content = bytearray(data.draw(st.sampled_from([npy(np.zeros((2, 2), "<f4")), npz(a=np.zeros((2, 2), "<f4"))])))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    for read in (from_npy, from_npz):
        with suppress(BadRequest):
            read(cut)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("in.npy", bytes(10_000_000))
    with pytest.raises(BadRequest, match="prediction_array_compressed"):
        from_npz(file.getvalue())
