"""`cupy.cuda.compiler`."""

from __future__ import annotations


class CompileException(Exception):
    """The compiler refuses a source."""

    def __init__(self, msg: str, source: str, name: str, options: tuple[str, ...], backend: str = "nvrtc") -> None:
        self._msg = msg
        self.source, self.name, self.options, self.backend = source, name, options, backend
        super().__init__()

    def __str__(self) -> str:
        return self._msg

    def get_message(self) -> str:
        return self._msg
