"""What a sandbox adds to a trial."""

from pathlib import Path

import pytest

from codegen_hpo.bench.overhead import measure_overhead
from codegen_hpo.sandbox.process import ProcessSandbox
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS

pytestmark = pytest.mark.slow


def test_every_way_is_measured_as_often_as_asked_for_and_a_start_costs_more_than_none(tmp_path: Path) -> None:
    ways = {
        way.name: way for way in measure_overhead([ProcessSandbox(CASE_LIMITS)], tmp_path, trials=3, cold=1)
    }
    assert list(ways) == ["bare", "none warm", "none cold"]
    assert [len(way.trials_s) for way in ways.values()] == [3, 3, 1]
    assert ways["bare"].first_s is None
    assert ways["none cold"].median_s > ways["none warm"].median_s > 0
