"""Injects all faults of the catalogue, many times, and writes what came of it to docs/reliability.md.

``python -m tests.faults`` runs their tests with long counts, ``--share`` with some of them; ``--docs`` writes the page,
where the rows of faults that were not run stay. It ends with the exit code of the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.catalogue import CATALOGUE, Fault

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- begin of the table -->", "<!-- end of the table -->"
HEAD = "| | fault | must be true | injected | times | survived | lost | |\n|---|---|---|---|---|---|---|---|\n"


def run(share: float, only: list[str], arguments: list[str]) -> tuple[int, list[dict[str, Any]], Counter[str]]:
    """Run the tests of some faults, or of all.

    Returns:
        The exit code of pytest, the campaigns, and how many tests of each file have passed.
    """
    faults = [fault for fault in CATALOGUE if not only or fault.number in only]
    files = dict.fromkeys(file for fault in faults for file in fault.tests)
    with tempfile.TemporaryDirectory(prefix="hanami-faults-") as folder:
        report, log = Path(folder) / "campaigns", Path(folder) / "results"
        report.touch()
        log.touch()
        env = os.environ | {"HANAMI_FAULT_SHARE": str(share), "HANAMI_FAULT_REPORT": str(report)}
        env["HANAMI_FAULT_RESULTS"] = str(log)
        command = [sys.executable, "-m", "pytest", "-p", "tests.faults.results", *files, *arguments]
        code = subprocess.run(command, env=env, cwd=ROOT, check=False).returncode
        campaigns = [json.loads(line) for line in report.read_text().splitlines()]
        passed = Counter(log.read_text().splitlines())
    return code, campaigns, passed


def rows(campaigns: list[dict[str, Any]], passed: Counter[str], former: str = "") -> str:
    """Return the table: a row for each campaign, and for each fault one of what is tried case by case.

    A fault keeps its rows in the `former` table if only some of its files were run, which belong to other faults, too.
    """
    lines = []
    for fault in CATALOGUE:
        own = [_row(fault, found) for found in campaigns if found["fault"] == fault.number]
        cases = sum(passed[file] for file in fault.tests)
        if cases and (own or all(passed[file] for file in fault.tests)):
            own.append(_row(fault, {"injected": _names(fault), "repetitions": cases, "survived": cases, "lost": 0}))
        lines += own or [line for line in former.splitlines(True) if line.startswith(f"| {fault.number} |")]
    return HEAD + "".join(lines)


def _row(fault: Fault, found: dict[str, Any]) -> str:
    cells = [fault.number, fault.what, fault.goal, found["injected"], *_counts(found), found.get("remark", "")]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def _counts(found: dict[str, Any]) -> list[int]:
    return [found["repetitions"], found["survived"], found["lost"]]


def _names(fault: Fault) -> str:
    return "cases of " + ", ".join(f"`{Path(file).stem}`" for file in fault.tests)


def write(campaigns: list[dict[str, Any]], passed: Counter[str], share: float) -> None:
    """Put the table into the page, with the machine that it comes from."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    former, _, after = rest.partition(END)
    table = rows(campaigns, passed, former)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {share:.0%} of the long counts."
    PAGE.write_text(f"{before}{BEGIN}\n{machine}\n\n{table}{END}{after}", encoding="utf-8")


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--share", type=float, default=1.0, help="share of the long counts, such as 0.1")
    parser.add_argument("--only", action="append", default=[], help="number of a fault, such as F03; may be repeated")
    parser.add_argument("--docs", action="store_true", help="write the outcome to docs/reliability.md")
    known, further = parser.parse_known_args()
    code, campaigns, passed = run(known.share, known.only, further)
    print(rows(campaigns, passed))
    if known.docs:
        write(campaigns, passed, known.share)
    return code


if __name__ == "__main__":
    sys.exit(main())
