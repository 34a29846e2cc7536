"""Where tests keep compiled kernels: with those that the servers of this user compile, for all that come later.

A host names a directory in it after all that compiled code depends on, so no test meets kernels of other sources.
"""

from __future__ import annotations

import os

from hanami_core.settings import cache_directory

__all__ = ["KERNELS"]

KERNELS = cache_directory({"compute.cache": ""}, os.environ)
