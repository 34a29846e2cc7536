"""`cupy.ndarray`: an array of a device, which never mixes with arrays of NumPy by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from cupy._machine import check
from cupy.cuda.memory import MemoryPointer, alloc
from cupy.cuda.stream import get_current_stream, perform, ready


class ndarray:
    """An array on a device. `host` is its memory, for the stand-in alone."""

    __array_priority__ = 100

    def __init__(
        self,
        shape: Any,
        dtype: Any = float,
        memptr: MemoryPointer | None = None,
        strides: Any = None,
        order: str = "C",
    ) -> None:
        dtype = np.dtype(dtype)
        shape = (shape,) if isinstance(shape, int | np.integer) else tuple(int(size) for size in shape)
        length = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self.data = alloc(length) if memptr is None else memptr
        block = self.data.mem.block
        flat = block.bytes[self.data.ptr - block.address :]
        if strides is not None:
            self.host = np.ndarray(shape, dtype, flat, 0, strides)
        else:
            self.host = flat[:length].view(dtype).reshape(shape, order="F" if order == "F" else "C")

    def _view(self, host: Any) -> ndarray:
        """Return an array of the same memory."""
        view: ndarray = object.__new__(type(self))
        view.host = host
        view.data = MemoryPointer(self.data.mem, host.ctypes.data - self.data.mem.ptr if host.size else 0)
        return view

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    strides = property(lambda self: self.host.strides)
    size = property(lambda self: self.host.size)
    nbytes = property(lambda self: self.host.nbytes)
    itemsize = property(lambda self: self.host.itemsize)
    ndim = property(lambda self: self.host.ndim)
    flags = property(lambda self: self.host.flags)
    T = property(lambda self: self._view(self.host.T))

    @property
    def device(self) -> Any:
        from cupy.cuda import Device

        return Device(self.data.mem.device_id)

    # Between device and processor

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Any:
        ready()
        (stream or get_current_stream()).synchronize()
        if out is None:
            return np.array(self.host, order=order, copy=True)
        if not isinstance(out, np.ndarray) or out.dtype != self.dtype:
            raise TypeError(f"{self.dtype} array cannot be obtained from {getattr(out, 'dtype', type(out))} array")
        if out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}")
        out[...] = self.host
        return out

    def set(self, arr: Any, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        perform(lambda: np.copyto(self.host, arr))

    def item(self, *place: int) -> Any:
        return self.get().item(*place)

    def tolist(self) -> Any:
        return self.get().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **others: Any) -> Any:
        import cupy

        function = getattr(cupy, ufunc.__name__, None)
        if method != "__call__" or function is None:
            return NotImplemented
        if "out" in others:
            (others["out"],) = others["out"]
        return function(*inputs, **others)

    def __array_function__(self, function: Any, types: Any, args: Any, others: Any) -> Any:
        import cupy

        own = getattr(cupy, function.__name__, None)
        if own is None or own is function or not all(issubclass(kind, ndarray) for kind in types):
            return NotImplemented
        return own(*args, **others)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.data.ptr, False),
            "strides": None if self.flags.c_contiguous else self.strides,
            "version": 3,
        }

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __bool__(self) -> bool:
        return bool(self.get())

    def __index__(self) -> int:
        return self.get().__index__()

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        return repr(self.get())

    __hash__ = None  # type: ignore[assignment]

    # Parts and shapes

    def __getitem__(self, place: Any) -> ndarray:
        chosen = _places(place)
        found = self.host[chosen]
        if _is_view(chosen):
            return self._view(self.host[(*_tuple(chosen), ...)] if np.isscalar(found) or not found.ndim else found)
        return made(lambda: self.host[chosen])

    def __setitem__(self, place: Any, value: Any) -> None:
        chosen, given = _places(place), host_of(value)
        perform(lambda: self.host.__setitem__(chosen, given))

    def reshape(self, *shape: Any, order: str = "C") -> ndarray:
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | np.integer) else shape
        there = self.host.view()
        try:
            return self._view(there.reshape(shape, order=order, copy=False))
        except ValueError:
            return made(lambda: self.host.reshape(shape, order=order))

    def ravel(self, order: str = "C") -> ndarray:
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> ndarray:
        return made(lambda: self.host.flatten(order))

    def transpose(self, *axes: Any) -> ndarray:
        return self._view(self.host.transpose(*axes))

    def swapaxes(self, axis1: int, axis2: int) -> ndarray:
        return self._view(self.host.swapaxes(axis1, axis2))

    def squeeze(self, axis: Any = None) -> ndarray:
        return self._view(self.host.squeeze(axis))

    def view(self, dtype: Any = None) -> ndarray:
        return self._view(self.host.view() if dtype is None else self.host.view(dtype))

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: Any = None, copy: bool = True
    ) -> Any:
        if not copy and self.dtype == np.dtype(dtype):
            return self
        return made(lambda: self.host.astype(dtype, order=order, casting=casting))

    def copy(self, order: str = "C") -> ndarray:
        return made(lambda: self.host.copy(order))

    def fill(self, value: Any) -> None:
        given = host_of(value)
        perform(lambda: self.host.fill(given))

    def sort(self, axis: int = -1) -> None:
        perform(lambda: self.host.sort(axis))


def _tuple(place: Any) -> tuple[Any, ...]:
    return place if isinstance(place, tuple) else (place,)


def _is_view(place: Any) -> bool:
    kinds = (int, np.integer, slice, type(None), type(Ellipsis))
    return all(isinstance(part, kinds) and not isinstance(part, bool) for part in _tuple(place))


def _places(place: Any) -> Any:
    """Return an index for NumPy; like CuPy, refuse indexes that lie on the processor unless they are lists."""
    if isinstance(place, tuple):
        return tuple(map(_places, place))
    return place.host if isinstance(place, ndarray) else place


def host_of(value: Any) -> Any:
    """Return what NumPy computes with: the memory of an array, or a scalar.

    Raises:
        TypeError: if it is an array of NumPy, or nothing that CuPy takes.
    """
    if isinstance(value, ndarray):
        return value.host
    if isinstance(value, np.ndarray) or not (np.isscalar(value) or value is None):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def made(compute: Any) -> ndarray:
    """Return what a function of NumPy computes as a new array. While a graph is captured only its shape is known."""
    stream = ready()
    with np.errstate(all="ignore"):
        result = np.asarray(compute())
    order = "F" if result.flags.f_contiguous and not result.flags.c_contiguous else "C"
    array = ndarray(result.shape, result.dtype, order=order)
    if stream.captured is None:
        np.copyto(array.host, result)
    else:
        stream.captured.append(lambda: np.copyto(array.host, compute()))
    return array


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> Any:
    if isinstance(a, ndarray):
        return a.get(stream, order, out, blocking)
    return np.asarray(a, order=order)


def array(
    obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False, ndmin: int = 0
) -> ndarray:
    if isinstance(obj, ndarray):
        if not copy and dtype in (None, obj.dtype):
            return obj
        return made(lambda: np.array(obj.host, dtype, copy=True, order=order, ndmin=ndmin))
    if isinstance(obj, list | tuple) and any(isinstance(part, ndarray) for part in obj):
        return made(lambda: np.array([host_of(part) for part in obj], dtype, ndmin=ndmin))
    given = np.array(obj, dtype, copy=True, order=order, ndmin=ndmin)
    if given.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {given.dtype}")
    check()
    return made(lambda: given)


def asarray(a: Any, dtype: Any = None, order: str | None = None) -> ndarray:
    return array(a, dtype, copy=False, order=order or "K")


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    there = asarray(a, dtype)
    return there if there.flags.c_contiguous else made(lambda: np.ascontiguousarray(there.host))


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    ready()
    return ndarray(shape, dtype, order=order)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    made_of = np.dtype(dtype) if dtype is not None else np.asarray(fill_value).dtype
    array = empty(shape, made_of, order)
    array.fill(fill_value)
    return array


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return full(shape, 0, dtype, order)


def ones(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return full(shape, 1, dtype, order)


def _like(function: Any) -> Any:
    return lambda a, *values, dtype=None, **others: function(a.shape, *values, dtype=dtype or a.dtype, **others)


empty_like, zeros_like, ones_like, full_like = map(_like, (empty, zeros, ones, full))
