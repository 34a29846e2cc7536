"""Named tuples of arrays that parts of kernels are given as a single address, for Numba.

Numba passes a named tuple by its arrays, and each array by seven numbers: a part of a kernel that is given twenty
arrays has a hundred and forty arguments, which all have to be compiled. An entry point writes its named tuples to
memory once; its parts read what they need from there, by the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, register_model

from hanami_plugins.host_numba.simd import Emitter, operation

_ADDRESS = ir.IntType(8).as_pointer()


class TupleReference(types.Type):  # type: ignore[misc]
    """Numba's view of a named tuple in memory."""

    def __init__(self, target: Any) -> None:
        """Name the type."""
        super().__init__(name=f"TupleReference({target})")
        self.target = target


@register_model(TupleReference)
class _ReferenceModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _ADDRESS)


@infer_getattr
class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = TupleReference

    def generic_resolve(self, reference: TupleReference, name: str) -> Any:  # type: ignore[override]
        """Return the type of a field."""
        target = reference.target
        return target.types[target.fields.index(name)] if name in target.fields else None


@lower_getattr_generic(TupleReference)
def _read_field(context: Any, builder: Any, reference: TupleReference, value: Any, name: str) -> Any:
    target = reference.target
    pointer = builder.bitcast(value, context.get_value_type(target).as_pointer())
    field = builder.load(cgutils.gep_inbounds(builder, pointer, 0, target.fields.index(name)))
    # Nobody writes to it, so that it needs not be read again after each number that is written somewhere.
    field.set_metadata("invariant.load", builder.module.add_metadata([]))
    return field


@operation
def reference(typing: Any, target: Any) -> tuple[Any, Emitter]:
    """Return a reference to a named tuple, which is valid until the caller ends."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        pointer = builder.bitcast(cgutils.alloca_once_value(builder, args[0]), _ADDRESS)
        # Reads that may happen at any time must not happen before this: nobody knows what the address stands for.
        return builder.asm(ir.FunctionType(_ADDRESS, [_ADDRESS]), "", "=r,0,~{memory}", [pointer], True)

    return TupleReference(target)(target), emit
