"""The kernels' arithmetic in plain NumPy, rounded the way they round."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
f32 = np.float32

# Polynomials as in the Cephes library (S. Moshier), logf and expf; vectors hold the compiled ones.
LN_POLYNOMIAL = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
EXP_POLYNOMIAL = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
ROOT_OF_HALF = 0x3F3504F3
"""Bits of the square root of 1/2."""
LOG2_E = 1.44269504088896341


def fused(a: Floats | float, b: Floats | float, c: Floats | float) -> Floats:
    """Return ``a * b + c`` with (all but always) a single rounding; numbers that are not arrays are float32, too."""
    a, b, c = np.asarray(a, f32), np.asarray(b, f32), np.asarray(c, f32)
    return np.asarray(np.multiply(a, b, dtype=np.float64) + c, f32)


def lane_sum(values: Floats) -> np.float32:
    """Return the sum of 16 values, halves first."""
    while len(values) > 1:
        values = values[: len(values) // 2] + values[len(values) // 2 :]
    return np.float32(values[0])


def logarithm(x: Floats) -> Floats:
    """Return the logarithm to base 2 of positive values: e + ln(m) / ln 2 with m between sqrt(1/2) and sqrt(2)."""
    bits = x.view(np.int32)
    exponent = (bits - np.int32(ROOT_OF_HALF)) >> 23
    r = (bits - (exponent << 23)).view(f32) - f32(1)
    p: Floats = np.full_like(x, LN_POLYNOMIAL[0])
    for coefficient in LN_POLYNOMIAL[1:]:
        p = fused(p, r, coefficient)
    square = r * r
    return fused(fused(-0.5, square, p * (square * r)) + r, LOG2_E, exponent.astype(f32))


def exponential(x: Floats) -> Floats:
    """Return e to the power of x: 2^n * e^r with n = round(x / ln 2), x clipped to -87 .. 87 before."""
    x = np.clip(x, f32(-87), f32(87))
    n = np.rint(x * f32(LOG2_E))
    r = fused(n, 2.12194440e-4, fused(n, -0.693359375, x))
    p: Floats = np.full_like(x, EXP_POLYNOMIAL[0])
    for coefficient in EXP_POLYNOMIAL[1:]:
        p = fused(p, r, coefficient)
    power: Floats = np.ldexp(f32(1), n.astype(np.int32))
    return fused(p, r * r, r + f32(1)) * power


def compress(x: Floats) -> Floats:
    """Return log2(1 + x) where x is above 0, else 0."""
    return np.where(x > 0, logarithm(np.maximum(x, f32(0)) + f32(1)), f32(0))


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    return f32(1) / (f32(1) + exponential(f32(0) - x))
