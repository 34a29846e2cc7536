"""Threads, blocks, clusters, shared memory and barriers of emulated kernels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gpu.emulator.kit import ORDERS, run

in_every_order = pytest.mark.parametrize("order", ORDERS)


@in_every_order
def test_every_thread_of_a_grid_knows_its_place(order: str) -> None:
    grid, block = (3, 2, 4), (5, 7, 3)
    places = np.full((2, *grid[::-1], *block[::-1], 3), -1, np.int32)
    text = """
    KERNEL void k(int *places, int half)
    {
        int number = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        number *= blockDim.x * blockDim.y * blockDim.z;
        number += (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        places[3 * number] = threadIdx.x; places[3 * number + 1] = threadIdx.y; places[3 * number + 2] = threadIdx.z;
        places += half;
        places[3 * number] = blockIdx.x; places[3 * number + 1] = blockIdx.y; places[3 * number + 2] = blockIdx.z;
    }"""
    run(text, places, np.int32(places[0].size), grid=grid, block=block, order=order)
    z, y, x, tz, ty, tx = np.indices(places.shape[1:-1])
    np.testing.assert_array_equal(places[0], np.stack([tx, ty, tz], -1))
    np.testing.assert_array_equal(places[1], np.stack([x, y, z], -1))


@in_every_order
@pytest.mark.parametrize("threads", [1, 31, 32, 33, 256, 1000, 1024])
def test_a_barrier_shows_what_all_others_wrote(order: str, threads: int) -> None:
    out = np.zeros((3, threads), np.float32)
    text = """
    KERNEL void k(float *out)
    {
        __shared__ float values[1024];
        const int last = blockDim.x - 1, thread = threadIdx.x;
        values[thread] = thread + 1000 * blockIdx.x;
        for (int round = 0; round < 3; round++) {
            __syncthreads();
            const float other = values[last - thread];
            __syncthreads();
            values[thread] = other + 1;
        }
        out[blockIdx.x * blockDim.x + thread] = values[thread];
    }"""
    run(text, out, grid=(3,), block=(threads,), order=order)
    rows = np.arange(threads)[::-1] + 1000 * np.arange(3)[:, None]
    np.testing.assert_array_equal(out, rows + 3)


@in_every_order
def test_barriers_count(order: str) -> None:
    out = np.zeros((100, 3), np.int32)
    text = """
    KERNEL void k(int *out)
    {
        for (int round = 0; round < 2; round++) {
            out[3 * threadIdx.x] = __syncthreads_count(threadIdx.x % 3 == 0);
            out[3 * threadIdx.x + 1] = __syncthreads_or(threadIdx.x == 77) + 10 * __syncthreads_or(threadIdx.x > 100);
            out[3 * threadIdx.x + 2] = __syncthreads_and(threadIdx.x != 77) + 10 * __syncthreads_and(1);
        }
    }"""
    run(text, out, block=(100,), order=order)
    assert (out == [34, 1, 10]).all()


def test_shared_memory_is_that_of_one_block_and_begins_as_nan() -> None:
    out = np.zeros((3, 2), np.float32)
    text = """
    KERNEL void k(float *out)
    {
        __shared__ float own;
        DYNAMIC_SHARED(float, rest);
        out[2 * blockIdx.x] = own;
        out[2 * blockIdx.x + 1] = rest[7];
        own = rest[7] = 1;
    }"""
    run(text, out, grid=(3,), block=(1,), shared=32)
    assert np.isnan(out).all()


@in_every_order
@pytest.mark.parametrize("cluster", [1, 2, 4, 8])
def test_blocks_of_a_cluster_read_and_write_the_memory_of_each_other(order: str, cluster: int) -> None:
    threads = 48
    out = np.zeros((8, threads, 3), np.float32)
    text = """
    KERNEL void k(float *out)
    {
        __shared__ float fixed[48], inbox[48];
        DYNAMIC_SHARED(float, rest);
        const unsigned next = (cluster_rank() + 1) % CLUSTER;
        const int thread = threadIdx.x;
        float *mine = out + (blockIdx.x * blockDim.x + thread) * 3;
        fixed[thread] = 100 * blockIdx.x + thread;
        rest[thread] = -fixed[thread];
        cluster_sync();
        mine[0] = peer(fixed, next)[47 - thread];
        mine[1] = peer(rest + thread, next)[0];
        *peer(inbox + thread, next) = blockIdx.x;
        cluster_sync();
        mine[2] = inbox[thread];
        cluster_sync();
    }"""
    run(text, out, grid=(8,), block=(threads,), shared=4 * threads, order=order, defines=(f"CLUSTER={cluster}",))
    block, thread = np.indices((8, threads))
    first = block // cluster * cluster
    after, before = first + (block + 1) % cluster, first + (block - 1) % cluster
    np.testing.assert_array_equal(out[..., 0], 100 * after + 47 - thread)
    np.testing.assert_array_equal(out[..., 1], -(100 * after + thread))
    np.testing.assert_array_equal(out[..., 2], before)


def test_the_memory_of_a_block_that_has_ended_is_nan_for_its_cluster() -> None:
    out = np.zeros(2, np.float32)
    text = """
    KERNEL void k(float *out)
    {
        __shared__ float own;
        own = 1;
        cluster_sync();
        out[blockIdx.x] = *peer(&own, cluster_rank() ^ 1);
    }"""
    run(text, out, grid=(2,), block=(1,), defines=("CLUSTER=2",))
    assert np.isnan(out).any()


def test_a_missing_barrier_shows_in_some_order() -> None:
    text = """
    KERNEL void k(float *out)
    {
        __shared__ float values[64];
        values[threadIdx.x] = threadIdx.x;
        out[threadIdx.x] = values[threadIdx.x + 1 & 63];
    }"""
    wrong = 0
    for order in ORDERS:
        out = np.zeros(64, np.float32)
        run(text, out, block=(64,), order=order)
        wrong += bool(np.isnan(out).any())
    assert wrong


@in_every_order
def test_a_copy_in_the_background_arrives_when_it_is_waited_for(order: str) -> None:
    there, out = np.arange(256, dtype=np.float32), np.zeros((2, 256), np.float32)
    text = """
    KERNEL void k(float *out, const float *there)
    {
        __shared__ __align__(16) float values[256];
        const int mine = 4 * threadIdx.x;
        copy_async(values + mine, there + mine);
        copy_async_commit();
        copy_async(values + 128 + mine, there + 128 + mine);
        copy_async_commit();
        copy_async_wait(1);
        __syncthreads();
        for (int i = threadIdx.x; i < 256; i += 32) out[i] = values[i];
        __syncthreads();
        copy_async_wait(0);
        __syncthreads();
        for (int i = threadIdx.x; i < 256; i += 32) out[256 + i] = values[i];
    }"""
    run(text, out, there, order=order)
    np.testing.assert_array_equal(out[0, :128], there[:128])
    assert np.isnan(out[0, 128:]).all()
    np.testing.assert_array_equal(out[1], there)
