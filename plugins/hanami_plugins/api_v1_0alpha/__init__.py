"""The native API, as the released clients of OpenHanami HEAD and v0.5 speak it: the prefix ``/v1.0alpha``.

Owns its header, its order of checks, how fields are read, and every text and shape of its answers. Must not know what
any route does.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Api
from hanami_plugins.api_v1_0alpha.api import NativeApi
from hanami_plugins.api_v1_0alpha.sentences import SENTENCES

__all__ = ["SENTENCES", "NativeApi"]


@hookimpl
def hanami_apis() -> list[Api]:
    """Add the API."""
    return [NativeApi()]
