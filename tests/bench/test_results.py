from dataclasses import replace
from pathlib import Path

import pytest

from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.results import read_results, write_results
from codegen_hpo.errors import ConfigError

CELLS = {("tpe", "a", 0): [0.5, None, 0.25], ("tpe", "a", 1): [0.5, 0.75, 1 / 3]}


def test_the_compact_file_tells_what_the_results_were(made_up, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    results = made_up(CELLS, {"a": [0.5, 0.75]})

    write_results(results, tmp_path / "results.json")
    found = read_results(tmp_path / "results.json")

    assert (found.suite, found.facts, found.commands) == (results.suite, results.facts, results.commands)
    assert found.pools["a"].losses == [0.5, 0.75]
    assert [search.cell for search in found.searches] == [search.cell for search in results.searches]
    arguments = {"x": 0.666667, "y": 0.5}  # six digits are kept
    assert found.searches[0].evaluations[1] == replace(
        results.searches[0].evaluations[1], arguments=arguments
    )
    assert found.searches[1].losses == [0.5, 0.75, 0.333333]


def test_the_folder_tells_the_same_as_the_file_made_of_it(made_up, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    results = made_up({("tpe", "a", 0): [0.5, 0.25]}, {"a": [0.5]})
    folder = BenchFolder(tmp_path / "bench")
    folder.agree(results.suite, results.facts, results.commands[0])
    for search in (*results.searches, *results.pools.values()):
        folder.write(search)

    assert read_results(folder.path) == results


def test_the_largest_pool_of_a_problem_counts(made_up, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = BenchFolder(tmp_path)
    folder.agree("sklearn", {})
    for size in (9, 100):  # as text 9 comes after 100
        folder.write(made_up({}, {"a": [0.5] * size}).pools["a"])

    assert len(read_results(tmp_path).pools["a"].evaluations) == 100


def test_searches_under_way_are_no_results(made_up, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (search,) = made_up({("tpe", "a", 0): [0.5, 0.25]}).searches
    folder = BenchFolder(tmp_path)
    folder.agree("sklearn", {})
    folder.write(replace(search, evaluations=search.evaluations[:1]))

    assert read_results(tmp_path).searches == ()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"searches": [{}], "versions": []}'])
def test_a_file_of_something_else_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)

    with pytest.raises(ConfigError, match=r"results\.json"):
        read_results(tmp_path / "results.json")
