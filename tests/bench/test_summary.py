from dataclasses import replace
from pathlib import Path

import pytest

from codegen_hpo.bench.cell import Spent
from codegen_hpo.bench.report import write_page
from codegen_hpo.bench.results import read_results
from codegen_hpo.bench.summary import page
from codegen_hpo.errors import ConfigError

TOY = {
    ("random", "ackley", 0): [5.0, 4.0],
    ("random", "ackley", 1): [7.0, 6.0],
    ("gp", "ackley", 0): [3.0, 2.0],
    ("gp", "ackley", 1): [1.0, 1.5],
}
TABLES = {("tpe", "svm/iris", 0): [0.4, 0.25], ("tpe", "svm/iris", 1): [None, 0.35]}


def test_the_page_of_the_landscapes_has_means_seeds_and_ranks(made_up) -> None:  # type: ignore[no-untyped-def]
    text = page(made_up(TOY, suite="toy", optimum=0.0))

    assert "## Evaluations: 2; seeds: 2 (0 to 1); problems: 1" in text
    assert "| ackley | 0 | 5 [4, 6] | 1.5 [1, 2] | 5.28 ± 1.73 |" in text
    assert "| ackley | 4, 6 | 2, 1 |" in text
    assert "| mean rank |  | 2.00 | 1.00 |  |" in text
    assert "python 3.11" in text
    assert "no language model took part" in text
    assert "codegen-hpo bench toy" in text


def test_the_page_of_the_tables_tells_change_rank_test_error_and_failures(made_up) -> None:  # type: ignore[no-untyped-def]
    text = page(made_up(TABLES, {"svm/iris": [0.6] * 10}))

    row = next(line for line in text.splitlines() if line.startswith("| tpe | 100.0 %"))

    assert "+50.00 %" in row
    assert "| 0.4250 | 25.0 % | 0.25 s |" in row
    assert "cannot be compared with the paper's tables" in text
    assert "a pool of 10 random points" in text


def test_a_benchmark_without_a_whole_seed_says_so(made_up) -> None:  # type: ignore[no-untyped-def]
    text = page(made_up({("random", "p", 0): [0.2], ("tpe", "p", 1): [0.3]}, {"p": [0.5]}))

    assert "No seed was finished by every tuner yet." in text


def test_a_page_can_be_made_again_from_the_json_beside_it(made_up, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    results = made_up(TABLES, {"svm/iris": [0.6] * 10})
    first, data = write_page(results, tmp_path / "once" / "tables.md", plot=False)
    again, _ = write_page(read_results(data), tmp_path / "again" / "tables.md", plot=False)

    assert again.read_text() == first.read_text()
    assert "tables.json" in first.read_text()


def test_plots_are_drawn_beside_the_page_and_shown_in_it(made_up, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("matplotlib")
    page_file, _, *drawn = write_page(made_up(TOY, suite="toy", optimum=0.0), tmp_path / "toy.md", plot=True)

    assert [path.name for path in drawn] == [
        "toy-budget2.png",
        "toy-budget2-landscapes.png",
        "toy-budget2-points-random.png",
        "toy-budget2-points-gp.png",
    ]
    assert all(
        path.read_bytes().startswith(b"\x89PNG") and path.name in page_file.read_text() for path in drawn
    )


def test_without_matplotlib_the_extra_is_named(made_up, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)

    with pytest.raises(ConfigError, match="matplotlib") as refused:
        write_page(made_up(TABLES), tmp_path / "page.md", plot=True)
    assert "[plot]" in refused.value.hint


def test_the_page_tells_what_a_model_was_asked_and_who_stood_in_for_it(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up({("llm", "ackley", 0): [3.0, 2.0]}, suite="toy", optimum=0.0)
    (plain,) = results.searches
    first, second = plain.evaluations
    evaluations = (
        replace(first, spent=Spent(1.0, 2, 300, 40)),
        replace(second, spent=Spent(1.0, 1, 100, 9), fallback="no usable reply", proposed_by="random"),
    )
    search = replace(plain, model="gpt", options={"history": "chat"}, evaluations=evaluations)

    text = page(replace(results, searches=(search,)))

    assert (
        "- llm: asked gpt with {'history': 'chat'}; 3 requests, 400 prompt and 49 completion tokens" in text
    )
    assert "1 of 2 proposals were another tuner's" in text


def test_an_unknown_benchmark_has_no_page(made_up) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match="'chess'"):
        page(made_up(TABLES, suite="chess"))
