"""The catalogue of faults and the tests that inject them belong together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.__main__ import BEGIN, END, PAGE, rows
from tests.faults.catalogue import CATALOGUE, Fault

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.number)
def test_each_fault_has_tests(fault: Fault) -> None:
    assert fault.tests
    for file in fault.tests:
        assert (ROOT / file).is_file(), file


def test_each_file_of_faults_is_in_the_catalogue() -> None:
    known = {file for fault in CATALOGUE for file in fault.tests}
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert found <= known


def test_the_page_has_a_place_for_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)


def test_a_fault_has_a_row_for_each_campaign_and_one_for_its_cases() -> None:
    campaign = {"fault": "F03", "injected": "a|b", "repetitions": 9, "survived": 9, "lost": 0, "remark": "1.5 s"}
    table = rows([campaign], Counter({"tests/service/test_restart.py": 3}))
    assert "| F03 | a sidecar is killed while it trains |" in table
    assert "| a\\|b | 9 | 9 | 0 | 1.5 s |" in table
    assert "| cases of `test_f03_killed_trainings`, `test_restart` | 3 | 3 | 0 |  |" in table


def test_a_fault_of_which_only_files_of_others_were_run_keeps_its_rows() -> None:
    former = "| F16 | smuggled requests | one reading | cases of all its files | 111 | 111 | 0 |  |\n"
    passed = Counter(dict.fromkeys(("tests/server/test_transport.py", "tests/server/test_request_buffer.py"), 5))
    table = rows([], passed, former)
    assert former in table
    assert "| cases of `test_transport`, `test_request_buffer` | 10 | 10 | 0 |  |" in table
