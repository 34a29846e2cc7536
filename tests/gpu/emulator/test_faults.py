"""What a kernel may not do ends its launch with the thread and the line, and the process goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gpu.emulator.compiler import CompileError
from tests.gpu.emulator.kit import ORDERS, kernel, run
from tests.gpu.emulator.launcher import KernelFault, Launch, LaunchRefused

ROOT = Path(__file__).parents[3]
HEAD = "KERNEL void k(float *x, int n) {\n"

DIVERGENT = {
    "a thread ends before a barrier": "if (threadIdx.x == 5) return;\n __syncthreads();",
    "a thread ends after one": "if (threadIdx.x != 5) __syncthreads();",
    "two barriers": "if (threadIdx.x < 5) __syncthreads();\n else __syncthreads();",
    "a barrier and a warp": "if (threadIdx.x < 5) __syncthreads();\n else __syncwarp();",
    "two operations of a warp": "if (threadIdx.x < 5) __ballot_sync(~0u, 1);\n else __syncwarp();",
    "two masks": "__syncwarp(threadIdx.x < 5 ? 0xffu : ~0u);",
    "an operation without some": "if (threadIdx.x != 5) x[0] = __shfl_sync(~0u, x[0], 5);",
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", DIVERGENT)
def test_divergent_barriers_are_told(name: str, order: str) -> None:
    with pytest.raises(KernelFault, match=r"divergent barriers: thread \(\d+, 0, 0\) of block \(0, 0, 0\) .*line \d"):
        run(HEAD + DIVERGENT[name] + "}", np.zeros(8, np.float32), np.int32(0), order=order)


def test_blocks_of_a_cluster_that_wait_at_two_barriers_are_told() -> None:
    with pytest.raises(KernelFault, match=r"__syncthreads in line 2.* cluster_sync in line 3|"
                                          r"cluster_sync in line 3.* __syncthreads in line 2"):  # fmt: skip
        run(
            HEAD + "if (blockIdx.x && threadIdx.x) { __syncthreads(); }\n cluster_sync(); }",
            *(np.zeros(8, np.float32), np.int32(0)),
            grid=(2,),
            defines=("CLUSTER=2",),
        )


FAULTS = {
    "*(volatile float *)0 = 1;": "an illegal address",
    "((volatile float *)64)[n] = 1;": "an illegal address",
    "x[0] = 5 / n;": "a division by zero",
    "x[0] = 5 % n;": "a division by zero",
    "__shared__ float s[4]; s[threadIdx.x] = 1; x[0] = s[n];": r"an index out of bounds \(4\) in line 2",
    "float s[4] = {0}; x[0] = s[threadIdx.x];": r"an index out of bounds \(4\) in line 2",
    "x[0] = 1 << (n + 40);": r"a shift out of bounds \(40\) in line 2",
    "DYNAMIC_SHARED(float, s); s[16] = 1;": "an illegal address",
    "DYNAMIC_SHARED(float, s); x[0] = peer(s, 3)[0];": "peer 3 of a cluster of 1 in line 2",
    "x[0] = peer(x, 0)[0];": "no address of shared memory in line 2",
    "x[0] = __shfl_sync(~1u, x[0], 0);": "is not in its own mask",
    "x[0] = __shfl_sync(~0u, x[0], 0, 5);": "a shuffle of width 5",
    "__shared__ float s[8]; copy_async(s + 1, x);": "no multiple of 16",
    "float a[1 << 20]; for (int i = 0; i < 1 << 20; i++) a[i] = x[i & n]; x[n] = a[n + 7];": "an illegal address",
}


def survive(body: str) -> None:
    """Launch a kernel with a fault a few times, then one without."""
    faulty = kernel(HEAD + body + "}")
    values = np.zeros(8, np.float32)
    for _ in range(3):
        with pytest.raises(KernelFault, match=FAULTS[body]):
            faulty.launch(Launch((1,), (32,), 64), (values, np.int32(0)))
    run(HEAD + "__syncthreads(); x[threadIdx.x % 8] = 2; }", values, np.int32(0))
    assert (values == 2).all()


@pytest.fixture(scope="module")
def survived() -> set[str]:
    """Faults that a process has survived. One that breaks it is not among them, and another process tries the rest."""
    left, survived = list(FAULTS), set[str]()
    while left:
        text = f"""
from tests.gpu.emulator.test_faults import survive
for body in {left!r}:
    survive(body)
    print("survived", flush=True)
"""
        done = subprocess.run([sys.executable, "-c", text], stdout=subprocess.PIPE, cwd=ROOT, timeout=120, check=False)
        count = done.stdout.count(b"survived")
        survived.update(left[:count])
        left = left[count + 1 :]
    return survived


@pytest.mark.parametrize("body", FAULTS)
def test_a_fault_is_told_and_the_process_goes_on(body: str, survived: set[str]) -> None:
    """A fault that is not noticed would break the process, so it is not that of all other tests."""
    assert body in survived


REFUSED: dict[str, tuple[Launch, str]] = {
    "too many threads": (Launch((1,), (1025,)), "1025 threads"),
    "too many threads in all": (Launch((1,), (64, 32)), "2048 threads"),
    "too deep a block": (Launch((1,), (1, 1, 65)), "a block of"),
    "no threads": (Launch((1,), (0,)), "a block of"),
    "no blocks": (Launch((0,), (32,)), "a grid of"),
    "too high a grid": (Launch((1, 65536), (32,)), "a grid of"),
    "more shared memory than allowed": (Launch((1,), (32,), 48 * 1024 + 1), "49152 are allowed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_launch_that_a_device_refuses_is_refused(name: str) -> None:
    how, reason = REFUSED[name]
    with pytest.raises(LaunchRefused, match=reason):
        kernel(HEAD + "x[0] = n; }").launch(how, (np.zeros(1, np.float32), np.int32(0)))


@pytest.mark.parametrize(("capability", "most"), [(80, 163), (90, 227)])
def test_shared_memory_ends(capability: int, most: int) -> None:
    asking = kernel(HEAD + "DYNAMIC_SHARED(float, s); s[n] = 3; __syncthreads(); x[0] = s[n]; }", capability=capability)
    asking.most_dynamic = 1 << 20
    values = np.zeros(1, np.float32)
    asking.launch(Launch((1,), (32,), most * 1024), (values, np.int32(most * 256 - 1)))
    assert values[0] == 3
    with pytest.raises(LaunchRefused, match="dynamic shared memory"):
        asking.launch(Launch((1,), (32,), most * 1024 + 4), (values, np.int32(0)))


def test_static_shared_memory_ends_at_48_kib() -> None:
    big = kernel(HEAD + "__shared__ float s[12 * 1024 + 1]; s[n] = 1; __syncthreads(); x[0] = s[n]; }")
    with pytest.raises(LaunchRefused, match="static shared memory"):
        big.launch(Launch((1,), (32,)), (np.zeros(1, np.float32), np.int32(0)))


def test_launch_bounds_hold() -> None:
    bounded = kernel("KERNEL void __launch_bounds__(128) k(float *x) { x[0] = 1; }")
    with pytest.raises(LaunchRefused, match="__launch_bounds__ are 128"):
        bounded.launch(Launch((1,), (160,)), (np.zeros(1, np.float32),))


@pytest.mark.parametrize(("capability", "cluster", "grid"), [(80, 2, 2), (90, 16, 16), (90, 4, 6)])
def test_clusters_need_a_device_and_a_grid_for_them(capability: int, cluster: int, grid: int) -> None:
    clustered = kernel(HEAD + "x[0] = 1; }", f"CLUSTER={cluster}", capability=capability)
    with pytest.raises(LaunchRefused, match="cluster"):
        clustered.launch(Launch((grid,), (32,)), (np.zeros(1, np.float32), np.int32(0)))


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros(1, np.float32),),
        (np.zeros(1, np.float32), np.int64(1)),
        (np.zeros(1, np.float32), np.float32(1)),
        (np.zeros(1, np.float32), 1.0),
        (np.float32(1), np.int32(1)),
        ([1.0], np.int32(1)),
    ],
)
def test_arguments_have_the_types_of_the_parameters(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="k"):
        run(HEAD + "x[0] = n; }", *arguments)


@pytest.mark.parametrize(
    "text", ["KERNEL void k(float *x) { x[0] = nothing; }", "KERNEL void other(float *x) { x[0] = 1; }"]
)
def test_a_source_that_does_not_compile_is_refused(text: str) -> None:
    with pytest.raises(CompileError, match=r"nothing|no kernel k"):
        kernel(text)
