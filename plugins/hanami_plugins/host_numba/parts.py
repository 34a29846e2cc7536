"""How parts of kernels are compiled: they are optimised once, as what the entry points are that they end up in.

Numba optimises each function with all that it calls, and makes machine code of it; a part of a kernel that nine others
are built around would go through that ten times, for nothing: only entry points are called from Python.
"""

from __future__ import annotations

import operator
from typing import Any, ClassVar

from llvmlite import binding
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import (
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import FixupArgs, GenericRewrites, IRProcessing, ReconstructSSA, TranslateByteCode

PASSES = (
    TranslateByteCode,
    FixupArgs,
    IRProcessing,
    GenericRewrites,
    ReconstructSSA,
    NopythonTypeInference,
    PreLowerStripPhis,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
)
"""What a part goes through. Numba's other passes look for what no part has: closures, exceptions, comparisons with
`None`, arithmetic of whole arrays, loops that run in parallel."""
ENVIRONMENT = "_ZN08NumbaEnv"
"""What the names of environments begin with."""


class _Codegen:
    """The code generator of a part, whose environment nobody reads: it would hold objects of Python."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing."""


class PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that is linked into entry points and never runs by itself."""

    @property
    def codegen(self) -> Any:
        """The code generator."""
        return _Codegen(self._codegen)

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        """Leave it to the entry point."""

    def _finalize_final_module(self) -> None:
        # Addresses of this process that are in here are not for use; an entry point looks what is left of them.
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
        """Return what the cache keeps: code to be linked, beside machine code with places for environments alone."""
        shared = self._get_module_for_linking()
        names = [variable.name for variable in shared.global_variables if variable.name.startswith(ENVIRONMENT)]
        places = binding.parse_assembly("\n".join(f'@"{name}" = common global ptr null' for name in names))
        return self.name, "object", (self._codegen._tm.emit_object(places), shared.as_bitcode())

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0: there is no machine code."""
        self._ensure_finalized()
        return 0


class _Typing:
    """The typing context of a part, which asks Numba only once what becomes of an operation on the same types.

    Wherever a part adds two numbers, Numba would try dozens of declarations that do not fit.
    """

    _signatures: ClassVar[dict[Any, Any]] = {}

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, args: Any, keywords: Any) -> Any:
        """Return the signature of a call, `None` if there is none."""
        call = function, tuple(args), tuple(dict(keywords).items())
        if call not in self._signatures:
            self._signatures[call] = self._context.resolve_function_type(function, args, keywords)
        return self._signatures[call]

    def resolve_setitem(self, target: Any, index: Any, value: Any) -> Any:
        """Return the signature of an assignment to an element."""
        function = self._context.resolve_value_type(operator.setitem)
        return self.resolve_function_type(function, (target, index, value), {})


class PartCompiler(CompilerBase):  # type: ignore[misc]
    """Compiles a part of kernels."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
        """Begin with a library for the part."""
        if library is None:
            library = PartLibrary(targetctx.codegen(), "part")
            library.enable_object_caching()
        super().__init__(_Typing(typingctx), targetctx, library, *rest)

    def define_pipelines(self) -> list[Any]:
        """Return what a part goes through."""
        manager = PassManager("part")
        for step in PASSES:
            manager.add_pass(step, step.__name__)
        manager.finalize()
        return [manager]
