"""Checkpoints: stored states of clusters. `cluster.save_cluster` makes them."""

from __future__ import annotations

from hanami_sdk import checkpoint
from hanami_sdk.v04._generation import shared

__all__ = ["delete_checkpoint", "get_checkpoint", "list_checkpoints"]

get_checkpoint = shared(checkpoint.get_checkpoint, '`{"location", "name", "uuid"}`')
list_checkpoints = shared(checkpoint.list_checkpoints)
delete_checkpoint = shared(checkpoint.delete_checkpoint)
