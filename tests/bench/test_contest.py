"""What the contest concludes from its figures."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.contest import measure, report, result
from tests.bench.contest.field import ENTRIES, Entry
from tests.bench.contest.result import Result

GOOD = {"1": 97.2, "3": 98.0, "5": 98.1}

RESULTS = [
    Result("section-1", "ours", 1, 800_000, 1_000_000, 200, GOOD),
    Result("section-2", "ours, two", 2, 1_200_000, 2_000_000, 200, GOOD),
    Result("torch-adam-64-1", "theirs", 1, 100_000, 400_000, 500, GOOD),
    Result("torch-sgd-64-1", "quicker, but worse", 1, 150_000, 400_000, 500, {"1": 95.0, "3": 97.5, "5": 97.8}),
    Result("torch-sgd-1-1", "one by one", 1, 4_000, 400_000, 500, {}, extrapolated=True),
]


def test_keys_are_different() -> None:
    assert len({entry.key for entry in ENTRIES}) == len(ENTRIES)


def test_time_to_the_goal() -> None:
    assert RESULTS[0].seconds_to_goal == pytest.approx(0.075)
    assert RESULTS[3].seconds_to_goal == pytest.approx(1.2)
    assert RESULTS[4].seconds_to_goal is None


def test_ratios_are_those_of_the_best_on_each_side() -> None:
    found = result.ratios(RESULTS)
    assert found["torch_that_reaches_97"] == pytest.approx(12)
    assert found["torch_batch_1"] == pytest.approx(300)
    assert result.ratios(RESULTS[:2]) == {}
    assert result.ratios([]) == {}


def test_a_missing_library_leaves_its_contender_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(result, "ENTRIES", (Entry("nobody-1", "nobody", "missing"),))
    monkeypatch.setattr(result, "in_own_process", lambda entry, *_: f"ModuleNotFoundError: no module of {entry.title}")
    assert result.run(tmp_path, 2, print) == []
    assert capsys.readouterr().out == "nobody is left out: ModuleNotFoundError: no module of nobody\n"


def test_a_contender_that_breaks_tells_why(tmp_path: Path) -> None:
    assert "StopIteration" in str(measure.in_own_process(Entry("nobody-1", "nobody", "missing"), tmp_path, 0, [1]))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_measured() -> None:
    assert 1 < measure.memory("VmRSS") <= measure.memory("VmHWM")


def test_the_page_of_the_documents(tmp_path: Path) -> None:
    report.write_docs(RESULTS, tmp_path, 3, 2)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| ours | 800,000 | 1,000,000 | 97.20 | 98.00 | 98.10 | 0.07 | 200 | 1.5 |" in text
    assert "| one by one | 4,000 * | 400,000 | – | – | – | – | 500 | 300.0 |" in text
    assert "| torch, fastest run that reaches 97 % | 12.0 × | ≥ 7 × |" in text
