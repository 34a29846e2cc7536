"""What a process is there for. The one place that says what each kind of process may do; ``runtime.role`` tells it.

=========== ============================================ ======== ==========
role        process                                      `writes` `prepares`
=========== ============================================ ======== ==========
`MIGRATE`   ``hanami init``, the preparation of a server, yes      yes
            ``hanami doctor --repair``, tests
`API`       a worker that answers REST                   yes      no
`SIDECAR`   the process of one compute host              yes      no
`WORKER`    the process of background work               yes      no
`PROCESS`   a process that a plugin has declared         yes      no
`INSPECT`   ``hanami doctor``, a look at what is there   no       no
=========== ============================================ ======== ==========

A plugin that makes or cleans up something in the data directory asks for `Role.prepares` (exactly one process does
that, and no other runs meanwhile) or for the role that owns the work, never for what a role is not: a role that is
added later must not write by accident.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Role"]


class Role(StrEnum):
    """The kind of a process."""

    MIGRATE = "migrate"
    API = "api"
    SIDECAR = "sidecar"
    WORKER = "worker"
    PROCESS = "process"
    INSPECT = "inspect"

    @property
    def prepares(self) -> bool:
        """Tell whether this process migrates, creates keys and cleans up after a crash; no other process runs then."""
        return self is Role.MIGRATE

    @property
    def writes(self) -> bool:
        """Tell whether this process may change anything: a row, a file, a directory."""
        return self is not Role.INSPECT
