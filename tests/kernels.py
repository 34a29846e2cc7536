"""Where tests keep compiled kernels: with those that the servers of this user compile, for all that come later.

A host names a directory in it after all that compiled code depends on, so no test meets kernels of other sources.
``python -m tests.kernels`` compiles them, so that the processes of a run do not all do it beside each other.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from hanami_core.settings import cache_directory
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.background_compiler import PARTS
from hanami_plugins.host_numba.host import CpuHost

__all__ = ["KERNELS"]

KERNELS = cache_directory({"compute.cache": ""}, os.environ)


def compile_all() -> None:
    """Return when all parts of the kernels are in the cache; each is compiled once, beside the others."""
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS, background=True))
    with ThreadPoolExecutor(len(PARTS)) as pool:
        list(pool.map(host.wait_for, PARTS))
    host.stop()


if __name__ == "__main__":
    compile_all()
