"""The effects of ingredients: their trainings are real ones in the slow test, made up in the others."""

import inspect
from functools import cache
from pathlib import Path

import pytest

from codegen_hpo.author.cookbook import RECIPES, CookbookAuthor
from codegen_hpo.bench.ablation.ingredients import INGREDIENTS, SEARCH, Ingredient, Setup
from codegen_hpo.bench.ablation.page import page
from codegen_hpo.bench.ablation.results import Results, read_results
from codegen_hpo.bench.ablation.run import Conditions, run_ablation
from codegen_hpo.bench.ablation.trainings import Trained
from codegen_hpo.bench.data_page import write_page
from codegen_hpo.bench.peers.table import Facts, prepare
from codegen_hpo.contract import read_candidate
from codegen_hpo.fitting import fit
from codegen_hpo.table.kind import Kind

DROPOUT = next(ingredient for ingredient in INGREDIENTS if ingredient.name == "dropout")


@pytest.fixture
def results() -> Results:
    """Dropout on one table, three seeds, one of which failed."""
    known = {"name": "ships", "sha256": "", "target": "sunk", "drop": (), "kind": "binary"}
    known |= {"metric": "roc_auc", "classes": 2, "split": "", "columns": 1, "train_rows": 8, "test_rows": 2}
    scores = {0: (0.8, 0.85), 1: (0.8, 0.9), 2: (0.8, None)}
    trainings = {
        seed: {
            DROPOUT.without.name: Trained(without, 1.0, 10, "patience"),
            DROPOUT.with_it.name: Trained(with_it, 2.0, 10, "patience"),
        }
        for seed, (without, with_it) in scores.items()
    }
    return Results(
        facts={"threads": 1},
        commands=(),
        tables=(Facts.from_json(known),),
        trainings={"ships": trainings},
    )


@cache
def arguments(recipe: str, kind: Kind) -> set[str]:
    source = CookbookAuthor().source(RECIPES.index(recipe) + 1, kind)
    candidate = read_candidate(source, name="c01", author="cookbook").candidate
    assert candidate is not None
    return set(candidate.space)


def test_every_change_is_an_argument_of_its_recipe() -> None:
    settings = set(inspect.signature(fit).parameters)
    for ingredient in INGREDIENTS:
        assert ingredient.without != ingredient.with_it
        for setup in (ingredient.without, ingredient.with_it):
            for kind in ingredient.kinds:
                known = settings if setup.recipe == SEARCH else arguments(setup.recipe, kind)
                assert set(setup.changes) <= known, (setup.name, kind)


def test_a_change_is_of_what_the_metric_lacks_and_a_failed_pair_is_left_out(results: Results) -> None:
    effect = results.effect(DROPOUT, results.tables[0])
    assert effect is not None
    assert effect.changes == pytest.approx([-0.25, -0.5])
    assert effect.change == pytest.approx(-0.375)
    assert "| dropout | -37.5 % (-50.0 to -25.0) |" in page(results)


def test_an_ingredient_of_regressions_has_no_effect_on_classes(results: Results) -> None:
    loss = next(i for i in INGREDIENTS if i.kinds == ("regression",))
    assert results.effect(loss, results.tables[0]) is None


def test_the_page_can_be_made_again_from_its_json(results: Results, tmp_path: Path) -> None:
    file, data = write_page(results.to_json(), page(results), tmp_path / "ablation.md")
    assert page(read_results(data)) == file.read_text()


@pytest.mark.slow
def test_trainings_are_carried_out_once_and_scored_on_the_test_rows(tmp_path: Path) -> None:
    rows = [f"{i % 17},{'abc'[i % 3]},{(i % 17) * 2 + 'abc'.index('abc'[i % 3])}" for i in range(300)]
    (tmp_path / "made.csv").write_text("\n".join(["x,sort,y", *rows]) + "\n")
    table = prepare(tmp_path / "made.csv", tmp_path / "out", target="y")
    ingredient = Ingredient(
        name="width",
        without=Setup(recipe="mlp", changes={"width": 8}),
        with_it=Setup(recipe="mlp"),
    )
    conditions = Conditions(seeds=2, threads=1, train_s=1.0)

    done = list(run_ablation([table], tmp_path / "out", conditions, ingredients=[ingredient]))
    again = list(run_ablation([table], tmp_path / "out", conditions, ingredients=[ingredient]))

    assert [(row.seed, row.setup.name) for row in done] == [
        (seed, setup.name) for seed in (0, 1) for setup in (ingredient.without, ingredient.with_it)
    ]
    assert again == []
    assert all(row.trained.score is not None for row in done), done
    found = read_results(tmp_path / "out")
    assert found.effect(ingredient, table.facts) is not None
