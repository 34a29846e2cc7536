"""Between what users see of an output and its inner outputs, which are numbers between 0 and 1.

A plain or bool value has one inner output, a float 32 (its IEEE 754 bits, sign first) and an int 64 (an unsigned
integer, most significant bit first).
"""

from __future__ import annotations

import numpy as np

from hanami_core.network import Array
from hanami_plugins.networks_synapse.synapse_layout import Bytes, Floats

INNER_OUTPUTS = {"plain": 1, "bool": 1, "float": 32, "int": 64}
"""Inner outputs of a value."""
LARGEST_INT = float(np.nextafter(np.float32(2.0**64), np.float32(0)))


def encode(values: Array, kind: str) -> Floats | Bytes:
    """Return the inner outputs that values of the shape (rows, n) ask for, one row each; plain values stay as they are.

    An int is the integer part of the value; what is below 0 counts as 0.
    """
    if kind == "plain":
        return values
    numbers = np.ascontiguousarray(values, np.float32)
    if kind == "bool":
        return (numbers >= 0.5).astype(np.uint8)
    if kind == "float":
        words = numbers.astype(">f4").view(np.uint8)
    else:
        words = np.clip(numbers, 0, LARGEST_INT).astype(np.uint64).astype(">u8").view(np.uint8)
    return np.unpackbits(words.reshape(len(values), -1), axis=1)


def decode(inner: Floats, kind: str) -> Floats:
    """Return the values that inner outputs of the shape (rows, n) stand for.

    Ints are exact up to 2^24. Bits of a float that are not a finite number, as a network that has learned little
    answers them, read as 0.
    """
    if kind == "plain":
        return inner
    bits = inner >= 0.5
    if kind == "bool":
        return bits.astype(np.float32)
    words = np.packbits(bits, axis=1)
    if kind == "int":
        return words.view(">u8").astype(np.float32)
    numbers = words.view(">f4").astype(np.float32)
    return np.where(np.isfinite(numbers), numbers, np.float32(0))
