"""Formats of other plugins."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hanami_core import hookimpl
from hanami_core.plugin_host import EntryPoint
from hanami_plugins import uploads
from tests.plugins.data import Site


def plugin(name: str, *parts: Any, instead: Any = None) -> EntryPoint:
    """Return a plugin with a format that decodes nothing."""

    class Format:
        def decode(self, files: Any, table: Any) -> None:
            raise AssertionError

    item = Format()
    vars(item).update(name=name, parts=parts if instead is None else instead)
    module = ModuleType("stranger")
    vars(module)["hanami_dataset_formats"] = hookimpl(lambda: [item], specname="hanami_dataset_formats")
    return EntryPoint("stranger", "elsewhere", "1", lambda: module)


def test_every_format_gets_its_routes(tmp_path: Path) -> None:
    with Site(tmp_path, plugin("three_files", "input", "mask", "label_2")) as site:
        answer = site.announce("three_files", input=b"1", mask=b"22", label_2=b"333")
        assert {"uuid_input_file", "uuid_mask_file", "uuid_label_2_file"} < set(answer)
        assert {upload.name: upload.size for upload in uploads.uploads_of(answer["uuid"])} == {
            "input": 1,
            "mask": 2,
            "label_2": 3,
        }


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("UPPER", ("input",)),
        ("a/b", ("input",)),
        ("none", ()),
        ("twice", ("a", "a")),
        ("odd", ("in put",)),
        ("n", (1,)),
    ],
)
def test_a_format_with_useless_names_is_off_and_the_others_stay(tmp_path: Path, name: str, parts: Any) -> None:
    with Site(tmp_path, plugin(name, *parts)) as site:
        assert ("POST", "/v1.0alpha/dataset/upload/csv") in site.routes
        assert len([route for route in site.routes.values() if "/upload/" in route.path]) == 4
        assert site.runtime.plugins.plugins["stranger"].state == "broken"
        assert site.runtime.plugins.plugins["datasets"].works


def test_a_text_is_no_tuple_of_parts(tmp_path: Path) -> None:
    with Site(tmp_path, plugin("letters", instead="abc")) as site:
        stranger = site.runtime.plugins.plugins["stranger"]
        assert stranger.state == "broken"
        assert stranger.reason.endswith("its parts a tuple of different ones, not 'abc'")
        assert stranger.where.rpartition(":")[0] == __file__
