"""Moments, and what Apis make of them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec
import pytest

from hanami_core.clock import Moment, stamp
from hanami_core.http import Api
from hanami_plugins.api_v1_0alpha import NativeApi


class Answer(msgspec.Struct):
    at: Moment


@dataclass
class Row:
    at: Moment


def test_moments_are_what_they_hold() -> None:
    assert Moment(1e9) == Moment(1e9) != Moment(None)
    assert len({Moment(1e9), Moment(1e9), Moment(None)}) == 2


def test_moments_have_an_order_and_what_has_not_come_is_last() -> None:
    assert sorted([Moment(None), Moment(2.0), Moment(1.0)]) == [Moment(1.0), Moment(2.0), Moment(None)]
    assert Moment(1.0) != 1.0


@pytest.mark.parametrize(
    ("api", "come", "never"),
    [(Api("plain", "/v1"), "2001-09-09T01:46:40+00:00", None), (NativeApi(), stamp(1e9), "-")],
    ids=["plain", "native"],
)
def test_an_api_makes_text_of_moments_wherever_they_stand(api: Api, come: str, never: str | None) -> None:
    def written(value: object) -> object:
        return json.loads(msgspec.json.encode(value, enc_hook=api.encode))

    for moment, text in ((Moment(1e9), come), (Moment(None), never)):
        assert written(Answer(moment)) == written(Row(moment)) == written({"at": moment}) == {"at": text}
        assert written([[moment]]) == [[text]]
    assert "at" in json.dumps(msgspec.json.schema(Answer, schema_hook=api.schema))
