"""A network that moves to another server as a file answers there what it answered at home."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.plugins.home_kit import CLASSES, DEEP, LINE, ROWS, Home, points

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("template", [LINE, DEEP])
def test_answers_are_the_same_to_the_last_bit(tmp_path: Path, template: str) -> None:
    with Home(tmp_path / "home") as home:
        cluster, data = home.cluster(template), home.table("points", points())
        home.train(cluster, data, "x", "y")
        answers = home.ask(cluster, data, "x", CLASSES, ROWS)
        file = home.download(home.save(cluster))
    with Home(tmp_path / "abroad") as abroad:
        there = abroad.cluster(LINE)
        checkpoint = abroad.upload(file)
        assert abroad.download(checkpoint)[-1000:] == file[-1000:]
        abroad.restore(there, checkpoint)
        again = abroad.ask(there, abroad.table("points", points()), "x", CLASSES, ROWS)
    assert again.tobytes() == answers.tobytes()
    assert np.ptp(answers) > 0.5
