"""`cupy.cuda.runtime`: what the machine has."""

from __future__ import annotations

import threading
from typing import Any

from cupy._machine import check, process
from cupy.cuda._errors import CUDARuntimeError

__all__ = ["CUDARuntimeError"]

streamDefault = 0
streamNonBlocking = 1
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = range(3)
is_hip = False

_current = threading.local()
SHARED_OPTIN = {(8, 0): 163, (8, 6): 99, (8, 9): 99, (9, 0): 227}


def getDeviceCount() -> int:
    check()
    return process.machine.devices


def getDevice() -> int:
    check()
    return int(getattr(_current, "number", 0))


def setDevice(number: int) -> None:
    check()
    _known(number)
    _current.number = number


def _known(number: int) -> None:
    if not 0 <= number < process.machine.devices:
        raise CUDARuntimeError.named("cudaErrorInvalidDevice")


def getDeviceProperties(number: int) -> dict[str, Any]:
    check()
    _known(number)
    machine = process.machine
    optin = SHARED_OPTIN.get(machine.capability, 48) * 1024
    return {
        "name": machine.name.encode(),
        "totalGlobalMem": machine.memory,
        "major": machine.capability[0],
        "minor": machine.capability[1],
        "multiProcessorCount": machine.multiprocessors,
        "sharedMemPerBlock": 48 * 1024,
        "sharedMemPerBlockOptin": optin,
        "sharedMemPerMultiprocessor": optin + 1024,
        "regsPerBlock": 65536,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
        "maxThreadsPerMultiProcessor": 2048,
        "l2CacheSize": 50 << 20,
        "pciBusID": number + 1,
        "pciDeviceID": 0,
        "pciDomainID": 0,
        "uuid": bytes([number] * 16),
        "integrated": 0,
        "ECCEnabled": 1,
    }


def deviceGetPCIBusId(number: int) -> str:
    check()
    _known(number)
    return f"{process.domain:04X}:{number + 1:02X}:00.0"


def memGetInfo() -> tuple[int, int]:
    """Return the bytes that are free and all bytes of the current device."""
    from cupy.cuda import memory

    check()
    machine = process.machine
    return max(0, machine.memory - machine.taken - memory.held(getDevice())), machine.memory


def driverGetVersion() -> int:
    return process.machine.driver or 0


def runtimeGetVersion() -> int:
    return 12090


def deviceSynchronize() -> None:
    check()
