"""The way of a task: what it has measured, as columns, and drawn."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_sdk._http import item
from hanami_sdk._svg import Line, chart

__all__ = ["History"]

PLACES = ("cycle", "epoch", "seconds")


class History(dict[str, "list[float | None]"]):
    """The measurements of a task: a list of values for each name, all of the same length.

    `cycle`, `epoch` and `seconds` (since the task began) are the position of an entry; the other names are
    measurements, such as `loss`, `accuracy`, `validation_loss` or `blocks`, with None where an entry has no such value.
    Names of running averages begin with `running_`. Notebooks show it as charts, and pandas accepts it directly:
    `pandas.DataFrame(history)`.

    Attributes:
        task: UUID of the task.
    """

    def __init__(self, task: str, columns: Mapping[str, list[float | None]]) -> None:
        """Take columns of the same length."""
        super().__init__(columns)
        self.task = task

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> History:
        """Return the history of an answer.

        Raises:
            HanamiException: the answer has another shape.
        """
        entries = item(data, "entries")
        names = list(dict.fromkeys(name for entry in entries for name in entry["values"]))
        columns = {place: [entry[place] for entry in entries] for place in PLACES}
        columns |= {name: [entry["values"].get(name) for entry in entries] for name in names}
        return cls(str(item(data, "uuid")), columns)

    def line(self, name: str) -> Line:
        """Return the measurements of a name, as pairs of cycle and value.

        Raises:
            KeyError: nothing was measured under the name.
        """
        pairs = zip(self["cycle"], self[name], strict=True)
        return [(cycle, value) for cycle, value in pairs if cycle is not None and value is not None]

    def groups(self) -> dict[str, dict[str, Line]]:
        """Return the lines of losses, of scores and of all else, without groups that have none."""
        found: dict[str, dict[str, Line]] = {"loss": {}, "score": {}, "network": {}}
        for name in self:
            if name not in PLACES:
                group = "loss" if name.endswith("loss") else "score" if name.endswith(("accuracy", "r2")) else "network"
                found[group][name] = self.line(name)
        return {group: lines for group, lines in found.items() if lines}

    def _repr_html_(self) -> str:
        charts = "".join(chart(title, lines, "cycles") for title, lines in self.groups().items())
        return charts or "<em>nothing was measured yet</em>"
