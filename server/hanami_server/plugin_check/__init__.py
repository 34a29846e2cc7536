"""What would break if a plugin that lies in some folder were installed; nothing is installed, and nothing changed.

`distribution` reads what the folder says of itself, `source` looks at the text of plugins, `trial` takes them through
a start in processes of their own.
"""

from __future__ import annotations

from pathlib import Path

from hanami_server.plugin_check import source, trial
from hanami_server.plugin_check.distribution import CheckedDistribution, Complaint, read

__all__ = ["CheckedDistribution", "Complaint", "check", "read"]


def check(candidate: CheckedDistribution, data_dir: Path, patience: float) -> list[Complaint]:
    """Return what is wrong with plugins and commands, sorted by place; nothing is changed.

    Args:
        candidate: what to look at.
        data_dir: a data directory, with whose settings a start is tried. It is only read, and need not exist.
        patience: seconds that one call of a plugin may take.

    Raises:
        StartupError: if a start cannot be tried, without the plugin's doing.
    """
    found = list(candidate.complaints())
    if candidate.points:
        found += source.complaints(candidate)
        known = {complaint.where for complaint in found}
        # What the text tells, a start tells again, but only the first of it.
        found += [
            complaint for complaint in trial.complaints(candidate, data_dir, patience) if complaint.where not in known
        ]
    return sorted(dict.fromkeys(found), key=Complaint.key)
