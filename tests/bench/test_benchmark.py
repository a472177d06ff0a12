from pathlib import Path

import pytest

from codegen_hpo.bench.benchmark import cells_of, choose_tuners, run_benchmark
from codegen_hpo.bench.cell import POOL, Cell, Search
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.search import Means
from codegen_hpo.bench.toy import ToySuite
from codegen_hpo.errors import ConfigError


def test_tuners_that_need_a_model_are_left_out_where_there_is_none() -> None:
    names = ["random", "llm", "tpe", "centaur"]

    assert choose_tuners(names, has_model=False) == (("random", "tpe"), ("llm", "centaur"))
    assert choose_tuners(names, has_model=True) == (tuple(names), ())


def test_it_is_an_error_if_no_tuner_is_left() -> None:
    with pytest.raises(ConfigError, match="llm: a language model is needed"):
        choose_tuners(["llm"], has_model=False)


def test_an_unknown_tuner_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'annealing'") as refused:
        choose_tuners(["random", "annealing"], has_model=True)
    assert "tpe" in refused.value.hint


def test_only_a_tuner_with_a_model_is_run_once_a_framing() -> None:
    cells = list(cells_of(["ackley"], ["tpe", "llm"], seeds=1, budget=5, framings=(0, 3), pool=7))

    assert cells == [
        Cell("ackley", POOL, 0, 7),
        Cell("ackley", "tpe", 0, 5),
        Cell("ackley", "llm", 0, 5, 0),
        Cell("ackley", "llm", 0, 5, 3),
    ]
    assert len({cell.path for cell in cells}) == 4
    assert [cell.arm for cell in cells[1:]] == ["tpe", "llm, framing 0", "llm, framing 3"]


@pytest.mark.slow
def test_a_benchmark_is_extended_with_seeds_and_tuners_without_repeating_any(tmp_path: Path) -> None:
    suite, folder, done = ToySuite(), BenchFolder(tmp_path), []
    problems = ["ackley", "branin"]

    def extend(tuners: list[str], seeds: int) -> list[Search]:
        done.clear()
        cells = list(cells_of(problems, tuners, seeds=seeds, budget=2))
        run_benchmark(suite, cells, folder, Means(), jobs=1, done=done.append)
        return list(done)

    assert len(extend(["random"], 1)) == 2
    assert {search.cell.seed for search in extend(["random"], 2)} == {1}
    assert {search.cell.tuner for search in extend(["random", "tpe"], 2)} == {"tpe"}
    assert extend(["random", "tpe"], 2) == []
    assert len(list(folder.searches())) == 8


def test_a_folder_holds_one_benchmark_and_every_command_on_it(tmp_path: Path) -> None:
    folder = BenchFolder(tmp_path)
    folder.agree("toy", {"shift": "(1, 2)"}, "bench toy --seeds 5")
    folder.agree("toy", {"shift": "(1, 2)"}, "bench toy --seeds 9")

    with pytest.raises(ConfigError, match="another benchmark") as refused:
        folder.agree("toy", {"shift": "(3, 4)"}, "")

    assert "--out" in refused.value.hint
    assert folder.about()["commands"] == ["bench toy --seeds 5", "bench toy --seeds 9"]


def test_a_folder_of_something_else_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"benchmark\.json"):
        BenchFolder(tmp_path).about()
