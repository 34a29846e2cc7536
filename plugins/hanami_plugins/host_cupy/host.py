"""GPUs as compute hosts. CuPy is imported by `CudaHost.start`, not before."""

from __future__ import annotations

import contextlib

from hanami_core.compute import ComputeHost, HostContext, HostDescription
from hanami_core.compute.placement import unhealthy
from hanami_core.errors import ServiceError
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.errors import DeviceError
from hanami_plugins.host_cupy.section_shapes import TILE
from hanami_plugins.host_cupy.trials import Trials

__all__ = ["CudaHost", "device_of", "gpu"]

SHORT = 1 / 16
"""Part of a device's memory below which unused memory is given back while networks are at work."""


class CudaHost:
    """One GPU.

    Whatever happens to the device, the process of the host goes on and says why no network can run. What CUDA has once
    refused to a process it refuses for ever, so a device that works again needs another process.
    """

    kind = "cuda"
    on_request = True

    def __init__(self, name: str, number: int, retry: float = 30.0, batch: int = TILE) -> None:
        """Name a host.

        Args:
            name: name of the host.
            number: place of the device among those that CUDA shows.
            retry: seconds between two trials of a device that did not work.
            batch: cycles that a network learns together, at most.
        """
        self.name = name
        self.batch = batch
        self._number = number
        self._retry = retry
        self._uuid = ""
        self._device: Device | None = None
        self._outage = "it was not started"
        self._trials: Trials | None = None

    @property
    def device(self) -> Device:
        """The device.

        Raises:
            Unavailable: if it does not work, with the reason.
        """
        if self._device is None or self._device.lost is not None:
            raise unhealthy(self.name, self._reason())
        return self._device

    def start(self, context: HostContext) -> None:
        """Open the device; if that fails, go on without it and try it again and again in a process of its own."""
        self._uuid = context.uuid
        try:
            self._device = Device.open(self._number, context.cache / "cupy")
        except DeviceError as error:
            self._outage = error.reason
            if context.background:
                self._trials = Trials(self._number, self._retry)

    def describe(self) -> HostDescription:
        """Return the state of the device, and let others have memory that no network uses."""
        device = self._device
        total = free = held = 0
        if device is not None and device.lost is None:
            with contextlib.suppress(ServiceError):  # it is lost from now on
                device.release(SHORT)
                (total, free), held = device.memory(), device.held()
        healthy = device is not None and device.lost is None
        return HostDescription(
            name=self.name,
            kind=self.kind,
            uuid=self._uuid,
            memory=total,
            free_memory=free,
            threads=device.multiprocessors if device else 1,
            healthy=healthy,
            reason="" if healthy else self._reason(),
            model=device.name if device else "",
            network_memory=free + held if healthy else None,
            needs_restart=self._needs_restart(),
        )

    def _reason(self) -> str:
        if self._device is not None:
            return self._device.lost.reason if self._device.lost else ""
        return self._trials.reason if self._trials and self._trials.reason else self._outage

    def _needs_restart(self) -> bool:
        if self._device is not None:
            return self._device.lost is not None
        return self._trials is not None and self._trials.succeeded

    def stop(self) -> None:
        """Give the device to others."""
        if self._trials is not None:
            self._trials.stop()
        if self._device is not None:
            self._device.close()
        self._device, self._trials, self._outage = None, None, "it was stopped"


def gpu(host: ComputeHost) -> CudaHost:
    """Return a host that networks are opened on.

    Raises:
        TypeError: if it is none of ours.
    """
    if not isinstance(host, CudaHost):
        raise TypeError(f"host {host.name} is no GPU of this plugin")
    return host


def device_of(host: ComputeHost) -> Device:
    """Return the device of a host.

    Raises:
        Unavailable: if it does not work, with the reason.
        TypeError: if the host is none of ours.
    """
    return gpu(host).device
