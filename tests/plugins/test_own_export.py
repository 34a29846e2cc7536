"""An export of somebody else, as the guide for plugins shows it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core import hookimpl
from hanami_core.datasets import Table
from hanami_core.errors import PluginError
from hanami_core.exports import TableExport
from hanami_core.plugin_host import EntryPoint
from tests.plugins.home_kit import Home
from tests.whole import Whole


def json_lines(table: Table) -> Iterator[bytes]:
    """Return a line of JSON for each row."""
    for row in table.values:
        cells = {name: row[start:end].tolist() for name, (start, end) in table.columns.items()}
        yield json.dumps(cells).encode() + b"\n"


@hookimpl
def hanami_exports() -> list[TableExport]:
    """Add the format ``jsonl``."""
    return [TableExport("jsonl", "application/jsonl", ".jsonl", json_lines)]


def test_it_is_a_format_like_any_other(tmp_path: Path) -> None:
    mine = EntryPoint("mine", "third", "1", lambda: sys.modules[__name__])
    with Whole(tmp_path, mine) as whole:
        assert whole.runtime.plugins.plugins["mine"].works
        content = b"a,b[0],b[1]\n1,2,3\n4,5,6\n"
        begun = whole.call("POST", "dataset/upload/csv", name="numbers", input_data_size=len(content)).json
        Home.send(whole, begun["uuid_input_file"], content)  # type: ignore[arg-type]
        files = {"uuid": begun["uuid"], "uuid_input_file": begun["uuid_input_file"]}
        assert whole.call("PUT", "dataset/upload/csv", **files).status_code == 200
        answer = whole.call("GET", "dataset/file", uuid=begun["uuid"], format="jsonl")
        assert answer.text == '{"a": [1.0], "b": [2.0, 3.0]}\n{"a": [4.0], "b": [5.0, 6.0]}\n'


def test_a_name_that_no_request_can_spell_is_refused() -> None:
    with pytest.raises(PluginError, match="an export is named by small letters"):
        TableExport("JSON lines", "application/jsonl", ".jsonl", json_lines)
