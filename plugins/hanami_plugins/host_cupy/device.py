"""One opened GPU: the only door to CuPy, which nothing but the sidecar of a GPU host imports, by `Device.open`.

What is trained has a stream of its own, so that nobody who reads or asks a network waits for the trainings of others.
All else is in another one, and done in the order in which it was asked for, whichever thread asks.
Whatever touches an array of the device does so inside of ``with device.use():``.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from hanami_core.compute.placement import unhealthy
from hanami_core.network import Array
from hanami_plugins.host_cupy.device_types import ArrayModule, DeviceArray
from hanami_plugins.host_cupy.errors import DeviceError, first_line, translated
from hanami_plugins.host_cupy.kernels import DeviceKernel, source
from hanami_plugins.host_cupy.locks import DeviceLock
from hanami_plugins.host_cupy.products import multiply
from hanami_plugins.host_cupy.settings import prepare
from hanami_plugins.host_cupy.staging import Staging

__all__ = ["LEAST_CAPABILITY", "Device", "DeviceError"]

LEAST_CAPABILITY = (8, 0)
"""Oldest compute capability that the kernels are written for."""
TRIALS = 1024
"""Numbers that the round trip of `Device.probe` takes to the device and back."""


class Device:
    """One GPU of this process."""

    def __init__(self, xp: ArrayModule, number: int) -> None:
        """Describe device `number` of CuPy; `open` is how to get one that works."""
        self.array_module = xp
        self.number = number
        properties = xp.cuda.runtime.getDeviceProperties(number)
        self.name = _text(properties["name"])
        self.capability = (int(properties["major"]), int(properties["minor"]))
        self.multiprocessors = int(properties["multiProcessorCount"])
        self.shared_memory = int(properties["sharedMemPerBlockOptin"])
        self.identity = str(xp.cuda.runtime.deviceGetPCIBusId(number))
        self.lost: DeviceError | None = None
        self.companions: dict[type, object] = {}
        self._device = xp.cuda.Device(number)
        self._stream: Any = None
        self._training_stream: Any = None
        self._staging = Staging(xp)
        self._seen_free = (0.0, 0)
        self._lock: DeviceLock | None = None
        self._kernels: dict[object, DeviceKernel] = {}
        self._guard = Lock()

    @classmethod
    def open(cls, number: int, cache: Path | None = None) -> Device:
        """Open a device that nobody else of this kind uses, and try it.

        Args:
            number: place of the device among those that CUDA shows, in the order of their buses.
            cache: directory for compiled kernels; CuPy's own one without it.

        Raises:
            DeviceError: with the reason: no CuPy, no driver, no such device, too old, in use, or it does not compute.
        """
        xp = _array_module(cache)
        try:
            device = cls._found(xp, number)
            device._begin()
        except DeviceError:
            raise
        except Exception as error:
            # A broken installation has many faces: a missing library is an ImportError, a missing symbol an OSError.
            raise DeviceError(f"device {number} does not work: {first_line(error)}") from error
        return device

    @classmethod
    def _found(cls, xp: ArrayModule, number: int) -> Device:
        count = xp.cuda.runtime.getDeviceCount()
        if number >= count:
            raise DeviceError(f"there is no device {number}, CUDA shows {count}")
        device = cls(xp, number)
        if device.capability < LEAST_CAPABILITY:
            had, least = (".".join(map(str, pair)) for pair in (device.capability, LEAST_CAPABILITY))
            raise DeviceError(f"{device.name} is too old: it has compute capability {had}, {least} is the least")
        return device

    def _begin(self) -> None:
        self._lock = DeviceLock.take(self.identity, self.name)
        try:
            with self._device:
                self._stream = self.array_module.cuda.Stream(non_blocking=True)
                self._training_stream = self.array_module.cuda.Stream(non_blocking=True)
            self.probe()
        except BaseException:
            self.close()
            raise

    def probe(self) -> None:
        """Believe the device only after a kernel, a product and a round trip.

        Raises:
            DeviceError: if any of that fails or has a wrong result.
        """
        values = np.arange(TRIALS, dtype=np.float32)
        with self.use():
            there = self.upload(values)
            self.kernel("probe.cu", "probe")((TRIALS // 256,), (256,), (there, np.int32(TRIALS)))
            back = self.download(there)
            square = there[:16].reshape(4, 4)
            product = self.download(self.product(square, square))
        expected = 2 * values + 1
        small = expected[:16].reshape(4, 4)
        if not np.array_equal(back, expected) or not np.array_equal(product, small @ small):
            raise DeviceError(f"{self.name} computes wrong results")

    @contextlib.contextmanager
    def use(self, training: bool = False) -> Iterator[None]:
        """Make the device and a stream those of the calling thread, and tell CuPy's errors in our words.

        May be nested. An error of CUDA itself makes the device `lost`. Whoever wants to use it from then on is told to
        wait: the error was not theirs.

        Args:
            training: use the stream of trainings. Whatever moves from one stream to the other is complete: who gives it
                away calls `synchronize` or `download`.

        Raises:
            DeviceError: if the device gets lost.
            Unavailable: if it was lost before.
            OutOfDeviceMemory: if its memory does not suffice; everything else on it goes on.
        """
        if self.lost is not None:
            raise unhealthy(self.name, self.lost.reason)
        try:
            with self._device, self._training_stream if training else self._stream:
                yield
        except Exception as error:
            told = self._told(error)
            if told is error:
                raise
            raise told from error

    def _told(self, error: Exception) -> Exception:
        told = translated(error, self.name, self._free)
        if isinstance(told, DeviceError) and self.lost is None:
            self.lost = told
        return told

    def kernel(self, file: str, name: str, defines: Mapping[str, int] | None = None) -> DeviceKernel:
        """Return a kernel of a source file in ``kernels/``, compiled for this device when it is first called.

        Args:
            file: name of the file.
            name: the function in it.
            defines: macros that the source is compiled with.
        """
        key = (file, name, tuple(sorted((defines or {}).items())))
        with self._guard:
            if key not in self._kernels:
                options = ("-std=c++17", *(f"-D{macro}={value}" for macro, value in key[2]))
                self._kernels[key] = DeviceKernel(self.array_module.RawKernel(source(file), name, options))
            return self._kernels[key]

    def upload(self, array: Array) -> DeviceArray:
        """Return a copy of a NumPy array on the device, of the same type, in rows. Call it in `use`."""
        return self.array_module.array(array, order="C")

    def upload_rows(self, table: Array) -> DeviceArray:
        """Return a copy of a table on the device that may have gaps between its rows. Call it in `use`."""
        return self._staging.upload(table)

    def download(self, array: DeviceArray) -> Array:
        """Wait for the device and return a copy of one of its arrays as a NumPy array. Call it in `use`."""
        found: Array = self.array_module.asnumpy(array)
        return found

    def add_product(self, out: DeviceArray, a: DeviceArray, b: DeviceArray) -> None:
        """Add the product of two matrices to a third in place; factors may be rounded to TF32, 10 bits after the point.

        All are of float32, each with rows or columns that lie close: parts and transposes of matrices are fine.

        Args:
            out: shape (n, m).
            a: shape (n, k).
            b: shape (k, m).
        """
        multiply(self.array_module, out, a, b, add=True, exact=False)

    def product(self, a: DeviceArray, b: DeviceArray, exact: bool = True) -> DeviceArray:
        """Return the product of two matrices of float32 in a new one, see `add_product`; `exact` rounds no factor."""
        out = self.array_module.empty((a.shape[0], b.shape[1]), np.float32)
        multiply(self.array_module, out, a, b, add=False, exact=exact)
        return out

    def memory(self) -> tuple[int, int]:
        """Return the bytes of the device and those that are free, which includes what CuPy keeps for later.

        Raises:
            DeviceError: if the device does not answer; it is lost then.
            Unavailable: if it was lost before.
        """
        with self.use():
            free, total = self._device.mem_info
            return int(total), int(free) + int(self._pool.free_bytes())

    def roughly_free(self) -> int:
        """Return the bytes that were free within the last second, without asking CUDA each time."""
        now = time.monotonic()
        if now >= self._seen_free[0]:
            self._seen_free = (now + 1, self.memory()[1])
        return self._seen_free[1]

    def held(self) -> int:
        """Return the bytes of all arrays on the device that are ours; raises what `memory` does."""
        with self.use():
            return int(self._pool.used_bytes())

    def synchronize(self) -> None:
        """Wait until the device has done everything that it was asked for, but for trainings."""
        with self.use():
            self._stream.synchronize()

    def release(self, least: float = 0.0) -> None:
        """Give memory back that no array uses any more, for other programs on the device.

        Args:
            least: do it only if nobody uses the device, or if less than this part of its memory is left for others.
        """
        with self.use():
            free, total = self._device.mem_info
            if self._pool.free_bytes() and (not least or not self._pool.used_bytes() or free < least * total):
                self._pool.free_all_blocks()

    def close(self) -> None:
        """Give all memory back, and let others use the device. May be called twice, and on a lost device."""
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self.synchronize()
                self.release()
        self._kernels.clear()
        if self._lock is not None:
            self._lock.release()

    @property
    def _pool(self) -> Any:
        return self.array_module.get_default_memory_pool()

    def _free(self) -> int:
        try:
            return int(self._device.mem_info[0])
        except Exception:
            return 0


def _array_module(cache: Path | None) -> ArrayModule:
    """Import CuPy, which reads its environment when it is imported."""
    prepare(cache)
    try:
        return importlib.import_module("cupy")
    except ModuleNotFoundError as error:
        raise DeviceError("CuPy is not installed, see docs/gpu.md") from error
    except Exception as error:
        raise DeviceError(f"CuPy cannot be imported: {first_line(error)}") from error


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
