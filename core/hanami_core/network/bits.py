"""Sets of small numbers as the bits of an integer: number ``n`` is in a set if bit ``n`` of it is 1.

A thousand hexagons are 125 bytes, so that a union or an intersection takes a moment however many they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def set_of(numbers: Iterable[int]) -> int:
    """Return the set of some numbers."""
    result = 0
    for number in numbers:
        result |= 1 << number
    return result


def members(numbers: int) -> Iterator[int]:
    """Iterate over the numbers of a set, the smallest first."""
    while numbers:
        lowest = numbers & -numbers
        yield lowest.bit_length() - 1
        numbers ^= lowest


def closure(start: int, steps: Sequence[int], within: int = -1) -> int:
    """Return those of `start` that are in `within`, and all that they lead to over numbers that are in it.

    Args:
        start: set of numbers.
        steps: for each number the set of those that it leads to.
        within: set of all that count; everything if it is not given.
    """
    reached = waiting = start & within
    while waiting:
        lowest = waiting & -waiting
        found = steps[lowest.bit_length() - 1] & within & ~reached
        reached |= found
        waiting = waiting ^ lowest | found
    return reached
