"""Keys take turns."""

from __future__ import annotations

import pytest

from hanami_server.fair_queue import FairQueue


def taken(queue: FairQueue[str, int]) -> list[int]:
    return [queue.popleft() for _ in range(len(queue))]


def test_items_of_one_key_keep_their_order() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for number in range(3):
        queue.append("a", number)
    assert taken(queue) == [0, 1, 2]
    with pytest.raises(IndexError):
        queue.popleft()


def test_keys_take_turns() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for key, number in (("a", 1), ("a", 2), ("a", 3), ("b", 4), ("b", 5), ("c", 6)):
        queue.append(key, number)
    assert taken(queue) == [1, 4, 6, 2, 5, 3]


def test_who_comes_later_waits_for_one_item_of_each_other() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for number in range(100):
        queue.append("a", number)
    assert [queue.popleft(), queue.popleft()] == [0, 1]
    queue.append("b", -1)
    assert [queue.popleft(), queue.popleft()] == [2, -1]
    assert len(queue) == 97


def test_who_may_not_is_passed_over_and_keeps_the_turn() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for key, number in (("a", 1), ("b", 2), ("b", 3)):
        queue.append(key, number)
    assert queue.next_key(lambda key: key == "c") is None
    assert (queue.next_key(lambda key: key != "a"), queue.popleft("b")) == ("b", 2)
    assert taken(queue) == [1, 3]
