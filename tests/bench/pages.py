"""What a page of a long list costs, wherever it begins and whoever asks."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from hanami_core.ids import new_uuid
from hanami_plugins.datasets import Dataset
from tests.whole import Whole, fill

ROWS = 100_000
LIMIT = 1000


def walk(whole: Whole, token: str) -> tuple[int, list[float]]:
    """Read all datasets page by page, and return how many there are and what each page took."""
    times: list[float] = []
    after: dict[str, str] | None = {}
    count = 0
    while after is not None:
        begin = time.perf_counter()
        answer = whole.call("GET", "dataset/all", as_token=token, limit=LIMIT, **after).json
        times.append(time.perf_counter() - begin)
        count += len(answer["body"])
        after = {"after": answer["next"]} if answer["next"] else None
    return count, times


def run() -> dict[str, Any]:
    """Return the milliseconds of a page for an admin, who sees all rows, and for a member, who sees half of them."""
    owned = {"project_id": "test_project", "name": "row", "uuid": lambda _: new_uuid()}
    with TemporaryDirectory() as directory, Whole(Path(directory) / "data") as whole:
        tokens = {"admin": (whole.token, ROWS), "member": (whole.member("tsugumi"), ROWS // 2)}
        for owner in ("somebody", "tsugumi"):
            fill(whole, Dataset, ROWS // 2, **owned, owner_id=owner, format="csv")
        figures: dict[str, Any] = {"rows": ROWS}
        for name, (token, expected) in tokens.items():
            count, times = walk(whole, token)
            assert count == expected
            figures |= {f"page_ms_{name}": 1e3 * median(times), f"page_ms_{name}_slowest": 1e3 * max(times)}
        return figures


if __name__ == "__main__":
    print(run())
