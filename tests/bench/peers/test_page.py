import json
from pathlib import Path

from codegen_hpo.bench.data_page import write_page
from codegen_hpo.bench.peers.page import page
from codegen_hpo.bench.peers.results import Results, read_results


def test_ranks_follow_the_direction_of_the_metric_and_a_failure_is_last(results: Results) -> None:
    assert results.ranked(60.0) == {
        "prices": {"codegen-hpo": 1.0, "flaml": 2.0, "catboost": 3.0},
        "ships": {"codegen-hpo": 2.0, "flaml": 1.0, "catboost": 3.0},
    }


def test_a_table_on_which_an_arm_has_not_run_yet_has_no_rank(results: Results) -> None:
    assert "late" not in results.ranked(60.0)
    assert "| 5 |" in page(results)  # its score is shown all the same


def test_the_page_gives_mean_ranks_and_says_what_failed_or_was_not_there(results: Results) -> None:
    lines = page(results).splitlines()
    row = next(line for line in lines if line.startswith("| codegen-hpo, cookbook and TPE |"))
    assert row == "| codegen-hpo, cookbook and TPE | 1.5 | 1 (1) | 0.9 (2) | – | 50 | 50 |"
    assert any(line.endswith("ships: failed: ValueError: no") for line in lines)
    assert any(line.endswith("prices: not installed: no autogluon") for line in lines)


def test_the_page_can_be_made_again_from_its_json(results: Results, tmp_path: Path) -> None:
    file, data = write_page(results.to_json(), page(results), tmp_path / "peers.md")
    assert json.loads(data.read_text())["suite"] == "peers"
    assert page(read_results(data)) == file.read_text()
