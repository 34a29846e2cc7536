"""How many values the inputs and outputs of a network have, whatever its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hanami_core.errors import BadRequest


def fitted(
    what: str, names: Sequence[str], old: Mapping[str, int], new: Mapping[str, int], limit: int
) -> dict[str, int]:
    """Return the sizes of interfaces that are fitted to new ones, by name, without those that are not known yet.

    Args:
        what: ``input`` or ``output``, for the error. Inputs may grow, outputs stay as they are.
        names: all of them in template order.
        old: sizes that are known.
        new: sizes that are asked for.
        limit: most values of one of them.

    Raises:
        BadRequest: if a size is impossible.
    """
    for name, size in new.items():
        if name not in names:
            raise BadRequest("network_interface_missing", kind=what, interface=name, known=", ".join(names))
        if not 1 <= size <= limit:
            raise BadRequest("interface_size", kind=what, interface=name, size=size, limit=limit)
        if what == "output" and old.get(name, size) != size:
            raise BadRequest("output_resized", interface=name, expected=old[name], size=size)
    sizes = {name: max(old.get(name, 0), new.get(name, 0)) for name in names}
    return {name: size for name, size in sizes.items() if size}
