"""Every kernel source compiles for the devices that it is meant for, and for the emulator."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hanami_plugins.host_cupy.kernels import source
from tests.gpu.emulator.compiler import compiled
from tests.gpu.nvrtc import CompileFailed, compile_source
from tests.gpu.sources import FILES, VARIANTS, all_variants, names, variants

CAPABILITIES = (80, 90)
WITH_CLUSTERS = 90


def _marks(
    file: str, macros: dict[str, int], *sizes: Callable[..., dict[str, int]]
) -> tuple[pytest.MarkDecorator, ...]:
    """Leave all but the smallest or the largest macros of a file to the long suite."""
    usual = [size(variants(file), key=lambda one: tuple(one.values())) for size in sizes]
    return () if macros in usual else (pytest.mark.long,)


TARGETS = [
    pytest.param(file, macros, capability, marks=_marks(file, macros, min if capability == CAPABILITIES[0] else max))
    for file, macros in all_variants()
    for capability in CAPABILITIES
    if macros.get("CLUSTER", 1) == 1 or capability >= WITH_CLUSTERS
]


def _name(value: object) -> str | None:
    if isinstance(value, dict):
        return "-".join(f"{name}{number}" for name, number in value.items()) or "plain"
    return None


@pytest.mark.parametrize(("file", "macros", "capability"), TARGETS, ids=_name)
def test_a_source_compiles_for_devices(file: str, macros: dict[str, int], capability: int) -> None:
    program, log = compile_source(source(file), file, capability, macros)
    assert log == ""
    for name in names(file):
        assert f".text.{name}\0".encode() in program


@pytest.mark.parametrize(
    ("file", "macros"), [pytest.param(*each, marks=_marks(*each, min, max)) for each in all_variants()], ids=_name
)
def test_a_source_compiles_for_the_emulator(file: str, macros: dict[str, int]) -> None:
    for name in names(file):
        assert compiled(
            source(file), name, tuple(f"{macro}={value}" for macro, value in macros.items())
        ).library.exists()


def test_there_are_kernels_in_every_file() -> None:
    assert FILES
    assert all(names(file) for file in FILES)
    assert set(VARIANTS) <= set(FILES)


@pytest.mark.parametrize(("capability", "cluster"), [(80, 1), (90, 1), (90, 2), (90, 8)])
def test_the_prelude_compiles(capability: int, cluster: int) -> None:
    text = source("probe.cu") + WORDS
    program, log = compile_source(text, "words.cu", capability, {"CLUSTER": cluster})
    assert log == ""
    assert b".text.words\0" in program


def test_what_is_not_c_is_refused_by_both() -> None:
    text = source("probe.cu") + "KERNEL void wrong(float *x) { x[0] = nothing; }"
    with pytest.raises(CompileFailed, match="nothing"):
        compile_source(text, "wrong.cu", 90, {})
    with pytest.raises(Exception, match="nothing"):
        compiled(text, "wrong")


WORDS = """
#line 1 "words.cu"
KERNEL void __launch_bounds__(256) words(float *RESTRICT out, const float *RESTRICT in, int count)
{
    __shared__ __align__(16) float tile[256];
    DYNAMIC_SHARED(float, rest);
    float c[4] = {0, 0, 0, 0};
    unsigned a[4], b[2], b_of[4];
    tile[threadIdx.x] = in[threadIdx.x];
    rest[threadIdx.x] = 1.0f;
    if (threadIdx.x < 64) copy_async(tile + 4 * threadIdx.x, in + 4 * threadIdx.x);
    copy_async_commit();
    copy_async_wait(0);
    cluster_sync();
    float *others = peer(tile, (cluster_rank() + 1) % CLUSTER);
    for (int i = 0; i < 4; i++) a[i] = tf32(others[i]);
    for (int i = 0; i < 2; i++) b[i] = tf32(others[i]);
    mma_tf32(c, a, b);
    load_matrix(a, tile + 4 * (threadIdx.x % 32));
    load_matrix_across(b_of, tile + 4 * (threadIdx.x % 32));
    mma_f16(c, a, b_of);
    const float4 four = load_four((const float4 *)in);
    if (count > 3) store_four((float4 *)out, four);
    c[0] += float_of(half_of(c[1])) + halves(c[0], c[1]);
    out[threadIdx.x] = c[0] + rest[threadIdx.x] + min(count, 3);
    cluster_sync();
}
"""
