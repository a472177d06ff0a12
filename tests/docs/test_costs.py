"""The figures of the page on costs are those that were measured."""

import json
import re
from pathlib import Path


def test_the_tokens_are_those_of_the_benchmark(docs: Path) -> None:
    measured = json.loads((docs / "benchmarks" / "tokens.json").read_text(encoding="utf-8"))
    known = set()
    for run in measured["rehearsals"]:
        tokens = {"author": 0, "tune": 0}
        for exchange in run["exchanges"]:
            tokens[exchange["phase"]] += exchange["prompt"] + exchange["completion"]
        known.add((run["columns"], run["trials"], run["history"], sum(tokens.values()), *tokens.values()))
    rows = re.findall(
        r"^\| .*?(\d+) columns \| (\d+) \| (\w+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$",
        (docs / "costs.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(rows) == 7
    for columns, trials, history, *tokens in rows:
        counts = [int(count.replace(",", "")) for count in tokens]
        assert (int(columns), int(trials), history, *counts) in known
