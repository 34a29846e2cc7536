"""The arithmetic of synapse networks as steps of a graph, rounded the way `arithmetic` and the kernels round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hanami_core.network.formula import Graph
from hanami_plugins.networks_synapse.arithmetic import EXP_POLYNOMIAL, LN_POLYNOMIAL, LOG2_E, ROOT_OF_HALF

__all__ = ["answered", "compress", "decoded", "sigmoid", "weighted"]

MOST = 127
"""Largest exponent of float32, and limit of what `exponential` is given, about 87, times `LOG2_E`."""


def _polynomial(graph: Graph, r: int, coefficients: tuple[float, ...]) -> int:
    value = graph.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        value = graph.step("fma", value, r, graph.constant(coefficient))
    return value


def _scaled(graph: Graph, value: int, exponent: int, sign: int) -> int:
    """Add a value times 2 to the power of ``sign`` times a whole number from -127 to 127."""
    powers = graph.constant(np.ldexp(np.float32(1), sign * np.arange(-MOST, MOST + 1)))
    place = graph.step("int64", graph.step("add", exponent, graph.constant(MOST)))
    return graph.step("multiply", value, graph.step("lookup", powers, place))


def _logarithm(graph: Graph, x: int) -> int:
    """Add the logarithm to base 2 of numbers from 1 on, see `arithmetic.logarithm`."""
    root = np.array(ROOT_OF_HALF, np.int32).view(np.float32)
    guess = graph.step("multiply", graph.step("log", x), graph.constant(LOG2_E))
    guess = graph.step("floor", graph.step("add", guess, graph.constant(0.5)))
    scaled = _scaled(graph, x, guess, -1)
    low = graph.step(
        "where", graph.step("greater", graph.constant(root), scaled), graph.constant(-1), graph.constant(0)
    )
    inside = graph.step("greater", graph.constant(2 * root), scaled)
    exponent = graph.step("add", guess, graph.step("where", inside, low, graph.constant(1)))
    r = graph.step("subtract", _scaled(graph, x, exponent, -1), graph.constant(1))
    square = graph.step("multiply", r, r)
    bent = graph.step("multiply", _polynomial(graph, r, LN_POLYNOMIAL), graph.step("multiply", square, r))
    natural = graph.step("add", graph.step("fma", graph.constant(-0.5), square, bent), r)
    return graph.step("fma", natural, graph.constant(LOG2_E), exponent)


def _exponential(graph: Graph, x: int) -> int:
    """Add e to the power of numbers, see `arithmetic.exponential`."""
    x = graph.step("minimum", graph.step("maximum", x, graph.constant(-87)), graph.constant(87))
    n = graph.step("rint", graph.step("multiply", x, graph.constant(LOG2_E)))
    r = graph.step("fma", n, graph.constant(-0.693359375), x)
    r = graph.step("fma", n, graph.constant(2.12194440e-4), r)
    power = graph.step("fma", _polynomial(graph, r, EXP_POLYNOMIAL), graph.step("multiply", r, r), _plus_one(graph, r))
    return _scaled(graph, power, n, 1)


def _plus_one(graph: Graph, x: int) -> int:
    return graph.step("add", x, graph.constant(1))


def compress(graph: Graph, x: int) -> int:
    """Add log2(1 + x) where x is above 0, else 0."""
    zero = graph.constant(0)
    raised = _plus_one(graph, graph.step("maximum", x, zero))
    return graph.step("where", graph.step("greater", x, zero), _logarithm(graph, raised), zero)


def sigmoid(graph: Graph, x: int) -> int:
    """Add 1 / (1 + exp(-x))."""
    power = _exponential(graph, graph.step("subtract", graph.constant(0), x))
    return graph.step("divide", graph.constant(1), _plus_one(graph, power))


def answered(graph: Graph, sums: int) -> int:
    """Add inner outputs, given their sums: an output without links has the sum 0, and stays 0."""
    zero = graph.constant(0)
    return graph.step("where", graph.step("equal", sums, zero), zero, sigmoid(graph, sums))


def weighted(graph: Graph, values: int, columns: npt.NDArray[np.integer], weights: npt.NDArray[np.floating]) -> int:
    """Add weighted sums of columns of values, each term rounded, one after the other.

    Args:
        graph: what they are added to.
        values: a value of the graph.
        columns: shape (terms, sums), column of each term of each sum.
        weights: their weights, of the same shape.
    """
    first = graph.step("take", values, graph.constant(columns[0], np.int32))
    slices = [graph.constant(columns, np.int32), graph.constant(weights)]
    return graph.loop(graph.step("zeros_like", first), slices, [values], _add_term)


def _add_term(body: Graph, given: Sequence[int]) -> int:
    sums, column, weight, values = given
    return body.step("add", sums, body.step("multiply", body.step("take", values, column), weight))


def decoded(graph: Graph, inner: int, kind: str, count: int) -> int:
    """Add the values that inner outputs stand for, see `hanami_plugins.networks_synapse.values`."""
    if kind == "plain":
        return inner
    silent = graph.step("greater", graph.constant(0.5), inner)
    bits = graph.step("where", silent, graph.constant(0), graph.constant(1))
    if kind == "bool":
        return bits
    return _whole(graph, bits, count) if kind == "int" else _real(graph, bits, count)


def _number(graph: Graph, bits: int, count: int, each: int, first: int, powers: npt.NDArray[np.float32]) -> int:
    """Add numbers that some bits of each value stand for, most significant first."""
    columns = (first + np.arange(len(powers)))[:, None] + each * np.arange(count)
    return weighted(graph, bits, columns, np.broadcast_to(powers[:, None], columns.shape))


def _whole(graph: Graph, bits: int, count: int) -> int:
    return _number(graph, bits, count, 64, 0, np.ldexp(np.float32(1), np.arange(63, -1, -1)))


def _real(graph: Graph, bits: int, count: int) -> int:
    """Add the numbers of IEEE 754: sign, 8 bits of the exponent, 23 of the fraction. What is not finite is 0."""
    sign = _number(graph, bits, count, 32, 0, np.array([-2], np.float32))
    exponent = _number(graph, bits, count, 32, 1, np.ldexp(np.float32(1), np.arange(7, -1, -1)))
    fraction = _number(graph, bits, count, 32, 9, np.ldexp(np.float32(1), np.arange(-1, -24, -1)))
    place = graph.step("int64", exponent)
    normal = graph.constant(np.arange(256) > 0)
    scales = graph.constant(np.where(np.arange(256) < 255, np.ldexp(1.0, np.maximum(np.arange(256), 1) - 127), 0))
    size = graph.step("add", fraction, graph.step("lookup", normal, place))
    size = graph.step("multiply", size, graph.step("lookup", scales, place))
    return graph.step("multiply", size, _plus_one(graph, sign))
