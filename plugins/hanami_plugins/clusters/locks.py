"""The locks of live clusters and the one order in which they are taken.

Whoever holds one of them takes only such as come later:

1. `STRIPE`: one of a few locks that clusters share by chance. Held while a network is opened from its stored state, or
   replaced by another one, so that no cluster is opened twice. May be held for seconds.
2. `STORING`, of each live cluster: held by whoever makes its state durable; by a task for its whole run.
3. `NETWORK`, of each live cluster: held by whoever works with the network: a task for its whole run, a frame for its
   moment, whoever stores it for as long as copying takes.
4. `REGISTRY`: held for a few instructions, to look up or change states and who is attached. Never held while anything
   else is waited for, so that the event loop may take it.

Transactions of the database come inside of all of them but `REGISTRY`. The event loop takes `NETWORK` only if it is
free at once, and `REGISTRY`; it never takes the first two.
"""

from __future__ import annotations

import threading
from enum import IntEnum

__all__ = ["Rank", "new_lock"]


class Rank(IntEnum):
    """Places in the order."""

    STRIPE = 1
    STORING = 2
    NETWORK = 3
    REGISTRY = 4


def new_lock(rank: Rank) -> threading.Lock:
    """Return a new lock of a rank. Tests put one in its place that knows its rank and checks the order."""
    return threading.Lock()
