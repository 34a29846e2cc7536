"""The stand-in for CuPy does what CuPy does, as far as the project uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from hanami_plugins.host_cupy.kernels import source
from tests.gpu.emulator.switchboard import Switchboard

MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def cupy(board: Switchboard) -> Any:
    import cupy

    return cupy


@pytest.fixture
def xp(cupy: Any) -> Iterator[Any]:
    """The stand-in, with the stream of a device as the current one."""
    with cupy.cuda.Device(0), cupy.cuda.Stream(non_blocking=True):
        yield cupy


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "a + b": lambda xp, a: a + a,
    "2 - a": lambda xp, a: 2 - a,
    "float32 * a": lambda xp, a: np.float32(3) * a,
    "a / 2": lambda xp, a: a / 2,
    "a @ a.T": lambda xp, a: a @ a.T,
    "matmul": lambda xp, a: xp.matmul(a, a.T),
    "-a": lambda xp, a: -a,
    "abs": lambda xp, a: abs(a - 5),
    "exp": lambda xp, a: xp.exp(a),
    "a > 5": lambda xp, a: a > 5,
    "where": lambda xp, a: xp.where(a > 5, a, 0),
    "clip": lambda xp, a: xp.clip(a, 2, 7),
    "sum": lambda xp, a: a.sum(axis=0),
    "max": lambda xp, a: xp.max(a, axis=1, keepdims=True),
    "argmax": lambda xp, a: a.argmax(axis=1),
    "mean": lambda xp, a: a.mean(),
    "row": lambda xp, a: a[1],
    "column": lambda xp, a: a[:, 2],
    "number": lambda xp, a: a[1, 2],
    "stride": lambda xp, a: a[::2, ::-1],
    "new axis": lambda xp, a: a[:, None],
    "mask": lambda xp, a: a[a > 5],
    "places": lambda xp, a: a[xp.asarray(np.array([0, 2]))],
    "reshape": lambda xp, a: a.T.reshape(2, 6),
    "transpose": lambda xp, a: a.reshape(3, 2, 2).transpose(1, 0, 2),
    "astype": lambda xp, a: a.astype(np.int32),
    "concatenate": lambda xp, a: xp.concatenate([a, a], axis=1),
    "arange": lambda xp, a: xp.arange(3, dtype=np.float32),
    "full": lambda xp, a: xp.full((2, 3), 7, np.int32),
    "zeros_like": lambda xp, a: xp.zeros_like(a),
    "ones": lambda xp, a: xp.ones(3),
    "nonzero": lambda xp, a: (a > 5).nonzero()[1],
    "view": lambda xp, a: a.view(np.uint32),
    "logarithm of nothing": lambda xp, a: xp.log(a * 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_functions_compute_what_numpy_computes(xp: Any, name: str) -> None:
    out, expected = FUNCTIONS[name](xp, xp.asarray(MATRIX)), FUNCTIONS[name](np, MATRIX)
    assert isinstance(out, xp.ndarray)
    assert (out.dtype, out.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(out.get(), expected)


def test_arrays_change_in_place_and_parts_are_views(xp: Any) -> None:
    array, expected = xp.asarray(MATRIX), MATRIX.copy()
    for matrix in (array, expected):
        part = matrix[1:, ::2]
        part += 10
        matrix[0] = 5
        matrix[:, 3] *= 2
        matrix[matrix > 15] = -1
    xp.add(array, 1, out=array)
    xp.copyto(array[0], 3)
    expected += 1
    expected[0] = 3
    np.testing.assert_array_equal(xp.asnumpy(array), expected)
    assert array[1].data.ptr == array.data.ptr + 16
    assert xp.may_share_memory(array, array.T)


MIXTURES: dict[str, Callable[[Any, Any], Any]] = {
    "asarray": lambda xp, a: np.asarray(a),
    "device + host": lambda xp, a: a + MATRIX,
    "host + device": lambda xp, a: MATRIX + a,
    "host += device": lambda xp, a: np.add(MATRIX, a, out=MATRIX.copy()),
    "device += host": lambda xp, a: a.__iadd__(MATRIX),
    "assignment": lambda xp, a: a.__setitem__(0, MATRIX[0]),
    "assignment to host": lambda xp, a: MATRIX.copy().__setitem__(0, a[0]),
    "function": lambda xp, a: xp.maximum(a, MATRIX),
    "matmul": lambda xp, a: xp.matmul(a, MATRIX.T),
    "concatenate": lambda xp, a: xp.concatenate([a, MATRIX]),
    "set to another type": lambda xp, a: a.set(MATRIX.astype(np.float64)),
    "kernel": lambda xp, a: xp.RawKernel(source("probe.cu"), "probe")((1,), (32,), (MATRIX, np.int32(1))),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_arrays_of_device_and_processor_do_not_mix(xp: Any, name: str) -> None:
    with pytest.raises(TypeError):
        MIXTURES[name](xp, xp.asarray(MATRIX))


def test_arrays_go_to_the_device_and_back(xp: Any) -> None:
    array = xp.empty((3, 4), np.float32)
    assert np.isnan(array.get()).all()
    array.set(MATRIX)
    out = np.empty_like(MATRIX)
    assert array.get(out=out) is out
    np.testing.assert_array_equal(out, MATRIX)
    assert int(array[2, 3]) == array[2, 3].item() == 11
    assert array.T.get().flags.c_contiguous


def test_memory_is_counted_kept_and_given_back(xp: Any) -> None:
    pool = xp.get_default_memory_pool()
    free = xp.cuda.Device(0).mem_info[0]
    array = xp.empty(1000, np.float32)
    part = array[5:]
    assert (pool.used_bytes(), pool.total_bytes()) == (4096, 4096)
    del array
    assert pool.used_bytes() == 4096
    del part
    assert (pool.used_bytes(), pool.free_bytes()) == (0, 4096)
    assert xp.cuda.Device(0).mem_info[0] == free - 4096
    xp.empty(500, np.float32)
    assert pool.total_bytes() == 4096
    pool.free_all_blocks()
    assert (pool.total_bytes(), xp.cuda.Device(0).mem_info[0]) == (0, free)


def test_memory_ends(xp: Any, board: Switchboard) -> None:
    board.set(memory=1 << 20, taken=512 << 10)
    first = xp.zeros(64 << 10, np.float32)
    with pytest.raises(xp.cuda.memory.OutOfMemoryError, match=r"allocating 262,656 bytes \(allocated so far: 262,144"):
        xp.zeros((64 << 10) + 1, np.float32)
    board.set(taken=0)
    xp.zeros((64 << 10) + 1, np.float32)
    xp.get_default_memory_pool().set_limit(size=first.nbytes)
    with pytest.raises(MemoryError, match="limit set to: 262,144 bytes"):
        xp.zeros(64 << 10, np.float32)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("flip_a", "flip_b"), [(False, False), (True, False), (False, True), (True, True)])
def test_cublas_multiplies_columns(xp: Any, exact: bool, flip_a: bool, flip_b: bool) -> None:
    blas, random = xp.cuda.cublas, np.random.default_rng(2)
    a, b, c = (random.normal(size=shape).astype(np.float32) for shape in ((5, 7), (7, 3), (5, 3)))
    there = [xp.asarray(np.asfortranarray(matrix)) for matrix in (a.T if flip_a else a, b.T if flip_b else b, c)]
    two, one = np.full(1, 2, np.float32), np.ones(1, np.float32)
    kind = blas.CUBLAS_COMPUTE_32F if exact else blas.CUBLAS_COMPUTE_32F_FAST_TF32
    steps = [matrix.strides[1] // 4 for matrix in there]
    blas.gemmEx(
        *(xp.cuda.get_cublas_handle(), int(flip_a), int(flip_b), 5, 3, 7, two.ctypes.data),
        *(there[0].data.ptr, 0, steps[0], there[1].data.ptr, 0, steps[1], one.ctypes.data),
        *(there[2].data.ptr, 0, steps[2], kind, blas.CUBLAS_GEMM_DEFAULT),
    )
    error = np.abs(there[2].get() - (2 * a @ b + c)).max()
    assert error < 1e-5 if exact else 1e-5 < error < 1e-2


def test_cublas_does_not_read_behind_an_array(xp: Any) -> None:
    blas, one = xp.cuda.cublas, np.ones(1, np.float32)
    a, c = xp.zeros((4, 4), np.float32), xp.zeros((4, 4), np.float32)
    for steps in ((4, 4, 8), (2, 4, 4)):
        with pytest.raises(blas.__dict__["CUBLASError"]):
            blas.gemmEx(
                *(1, 0, 0, 4, 4, 4, one.ctypes.data, a.data.ptr, 0, steps[0], a.data.ptr, 0, steps[1]),
                *(one.ctypes.data, c.data.ptr, 0, steps[2], blas.CUBLAS_COMPUTE_32F, blas.CUBLAS_GEMM_DEFAULT),
            )


def test_a_graph_does_its_work_when_it_is_launched(xp: Any) -> None:
    double = xp.RawKernel(source("probe.cu"), "probe")
    stream = xp.cuda.get_current_stream()
    values, total = xp.zeros(4, np.float32), xp.zeros(4, np.float32)
    stream.begin_capture()
    double((1,), (32,), (values, np.int32(4)))
    total += values * 1
    graph = stream.end_capture()
    assert (values.get() == 0).all()
    for _ in range(3):
        graph.launch()
    np.testing.assert_array_equal(values.get(), [7] * 4)
    np.testing.assert_array_equal(total.get(), [1 + 3 + 7] * 4)


def test_events_tell_the_time_between_them(xp: Any) -> None:
    first, second = xp.cuda.Event(), xp.cuda.Event()
    first.record()
    second.record()
    second.synchronize()
    assert xp.cuda.get_elapsed_time(first, second) > 0


def test_work_outside_of_the_stream_is_found(cupy: Any, board: Switchboard) -> None:
    with pytest.raises(AssertionError, match="outside of the stream"):
        cupy.zeros(3)
    board.set(needs_stream=False)
    cupy.zeros(3)


def _launch(xp: Any, text: str, *arguments: Any) -> None:
    xp.RawKernel(source("probe.cu") + text, "k")((1,), (32,), arguments)


def test_a_source_that_does_not_compile_is_refused(xp: Any) -> None:
    with pytest.raises(xp.cuda.compiler.CompileException, match="nothing"):
        _launch(xp, "KERNEL void k(float *x) { x[0] = nothing; }", xp.zeros(1, np.float32))


@pytest.mark.parametrize("place", [4, 5, 7, 8, 100_000_000])
def test_a_write_behind_an_array_breaks_the_context(xp: Any, place: int) -> None:
    values = xp.zeros(5 if place > 4 else 4, np.float32)
    with pytest.raises(xp.cuda.runtime.CUDARuntimeError, match="cudaErrorIllegalAddress"):
        _launch(xp, "KERNEL void k(float *x, int n) { x[n] = 1; }", values, np.int32(place))
    with pytest.raises(xp.cuda.runtime.CUDARuntimeError, match="cudaErrorIllegalAddress"):
        xp.zeros(1)
    sys.modules["cupy._machine"].restart()


def test_more_shared_memory_is_asked_for(xp: Any) -> None:
    kernel = xp.RawKernel(source("probe.cu") + "KERNEL void k(void) { DYNAMIC_SHARED(float, s); s[0] = 1; }", "k")
    with pytest.raises(xp.cuda.driver.CUDADriverError, match="CUDA_ERROR_INVALID_VALUE"):
        kernel((1,), (32,), (), shared_mem=100 * 1024)
    kernel.max_dynamic_shared_size_bytes = 100 * 1024
    kernel((1,), (32,), (), shared_mem=100 * 1024)
    with pytest.raises(xp.cuda.driver.CUDADriverError, match="CUDA_ERROR_INVALID_VALUE"):
        kernel.max_dynamic_shared_size_bytes = 228 * 1024


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"driver": None}, "cudaErrorInsufficientDriver"),
        ({"driver": 11040}, "cudaErrorInsufficientDriver"),
        ({"devices": 0}, "cudaErrorNoDevice"),
        ({"lost": "cudaErrorDevicesUnavailable"}, "cudaErrorDevicesUnavailable"),
    ],
)
def test_a_machine_without_a_working_device_says_so(
    cupy: Any, board: Switchboard, fields: dict[str, Any], error: str
) -> None:
    board.set(**fields)
    for call in (cupy.cuda.runtime.getDeviceCount, lambda: cupy.zeros(1), lambda: cupy.cuda.Device(0).mem_info):
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match=error):
            call()
    assert not cupy.cuda.is_available()


def test_one_launch_fails(xp: Any, board: Switchboard) -> None:
    values = xp.zeros(4, np.float32)
    board.fail_launch("cudaErrorLaunchFailure", after=2)
    for _ in range(2):
        _launch(xp, "KERNEL void k(float *x) { x[0] = 1; }", values)
    with pytest.raises(xp.cuda.runtime.CUDARuntimeError, match="cudaErrorLaunchFailure"):
        _launch(xp, "KERNEL void k(float *x) { x[0] = 1; }", values)
    sys.modules["cupy._machine"].restart()
    _launch(xp, "KERNEL void k(float *x) { x[0] = 1; }", values)


def test_errors_are_those_of_cupy(cupy: Any) -> None:
    for error in (
        cupy.cuda.runtime.CUDARuntimeError(700),
        cupy.cuda.driver.CUDADriverError(1),
        cupy.cuda.memory.OutOfMemoryError(512, 1024),
    ):
        assert type(error).__module__.partition(".")[0] in ("cupy", "cupy_backends")
    assert str(cupy.cuda.runtime.CUDARuntimeError(2)) == "cudaErrorMemoryAllocation: out of memory"
    assert str(cupy.cuda.memory.OutOfMemoryError(512, 1024)) == (
        "Out of memory allocating 512 bytes (allocated so far: 1,024 bytes)."
    )
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)


def test_another_process_has_the_machine_of_the_switchboard(board: Switchboard) -> None:
    board.set(name="a card", devices=3)
    code = "import cupy; r = cupy.cuda.runtime; print(r.getDeviceCount(), r.getDeviceProperties(2)['name'].decode())"
    environment = {**os.environ, **board.environment}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "3 a card\n"
    board.set(broken_import="libcuda.so.1: cannot open shared object file")
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "ImportError: libcuda.so.1: cannot open shared object file" in told.stderr
