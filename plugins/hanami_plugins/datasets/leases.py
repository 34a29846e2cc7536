"""Leases of datasets: what uses a dataset, and how one goes whose lease is over. See `hanami_core.leases`."""

from __future__ import annotations

import logging

from hanami_core.access import Access
from hanami_core.leases import Expiry, expired, renew
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.storage.database import atomic, hold
from hanami_plugins.datasets.models import DECODING, Dataset
from hanami_plugins.datasets.service import MISSING, remove
from hanami_plugins.uploads import Upload

__all__ = ["SETTING", "renew_lease", "schedule"]

SETTING = Setting("datasets.leases", float, 30.0, "Seconds between two checks for datasets with expired leases", 0.05)

log = logging.getLogger("hanami.datasets")


def schedule(runtime: Runtime) -> Schedule:
    """Return what removes datasets whose lease is over."""
    seconds = runtime.settings[SETTING.name]
    return Schedule("datasets.leases", seconds, Expiry(Dataset, seconds, unused, remove_expired))


def renew_lease(access: Access, uuid: str, lease: int | None) -> Dataset:
    """Let the lease of a dataset begin anew, or end it for good; see `hanami_core.leases.renew`.

    Raises:
        NotFound: if there is none that the actor may change.
        Conflict: if it has no lease that could be renewed.
    """
    return renew(access, Dataset, uuid, MISSING, lease)


def unused() -> object:
    """Return the condition of datasets that are not on their way here."""
    arriving = Upload.active(Upload.related_uuid)
    return (Dataset.state != DECODING) & Dataset.uuid.not_in(arriving)


def remove_expired(runtime: Runtime, dataset: Dataset) -> None:
    """Delete a dataset whose lease is over, unless open tasks are to read it, or it was renewed meanwhile."""
    if dataset.blob in {blob for blob, _ in runtime.queue.holders()}:
        return
    with atomic():
        if hold(Dataset, (Dataset.sequence == dataset.sequence) & expired(Dataset, unused())):
            remove(runtime, dataset)
            log.info("the lease of a dataset is over", extra={"dataset": dataset.uuid, "seconds": dataset.lease})
