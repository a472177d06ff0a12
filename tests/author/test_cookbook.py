"""The recipes are data: their tests read them as a candidate is read and run them as a sandbox does."""

import inspect
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from codegen_hpo.author.base import Brief
from codegen_hpo.author.cookbook import RECIPES, CookbookAuthor, is_recipe
from codegen_hpo.contract import code_frame, read_candidate
from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Candidate
from codegen_hpo.space import Choice
from codegen_hpo.table.kind import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
SHAPES = {
    "mixed": (5, [3, 5000, 2], 1),
    "categorical only": (0, [4, 2], 3),
    "numeric only": (7, [], 1),
    "one of each": (1, [2], 5),
}
every_recipe = pytest.mark.parametrize("number", range(1, len(RECIPES) + 1), ids=RECIPES)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def read(number: int, kind: Kind = "regression") -> Candidate:
    source = CookbookAuthor().source(number, kind)
    verdict = read_candidate(source, name="c01", author="cookbook")
    assert verdict.candidate is not None, code_frame(source, verdict.findings)
    return verdict.candidate


def load(candidate: Candidate) -> Callable[..., Any]:
    names: dict[str, Any] = {"__name__": "candidate"}
    exec(compile(candidate.source, "candidate.py", "exec"), names)
    return names["make_model_and_optimizer"]  # type: ignore[no-any-return]


def facts(function: Callable[..., Any], shape: str, quantiles: Tensor | None = None) -> dict[str, Any]:
    n_numeric, cardinalities, n_outputs = SHAPES[shape]
    if quantiles is None:
        quantiles = torch.randn(n_numeric, 65).sort(1).values
        quantiles[:1, :40] = quantiles[:1, 40:41]  # ties
        quantiles[1:2] = 0.5  # a constant
    known = {
        "n_numeric": n_numeric,
        "cardinalities": cardinalities,
        "n_outputs": n_outputs,
        "numeric_quantiles": quantiles,
    }
    return {name: known[name] for name in inspect.signature(function).parameters if name in known}


def batch(shape: str, rows: int) -> tuple[Tensor, Tensor]:
    n_numeric, cardinalities, _ = SHAPES[shape]
    codes = [torch.randint(0, cardinality, (rows, 1)) for cardinality in cardinalities]
    return torch.randn(rows, n_numeric), torch.cat([torch.zeros(rows, 0, dtype=torch.int64), *codes], dim=1)


@every_recipe
@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_passes_every_static_gate(number: int, kind: Kind) -> None:
    candidate = read(number, kind)
    assert candidate.title
    assert {"learning_rate", "batch_size", "ema_decay"} <= set(candidate.space)
    assert all(dimension.description for dimension in candidate.space.values())


@pytest.mark.slow
@every_recipe
@pytest.mark.parametrize("shape", SHAPES)
def test_a_recipe_trains_at_every_corner_of_its_space(number: int, shape: str) -> None:
    candidate = read(number)
    function = load(candidate)
    n_outputs = SHAPES[shape][2]
    for point in candidate.space.corners():
        model, optimizer = function(**facts(function, shape), **point)
        x_num, x_cat = batch(shape, 17)
        outputs = model(x_num, x_cat)
        assert outputs.shape in ((17, n_outputs), (17, point.get("k"), n_outputs))
        (outputs**2 + outputs).mean().backward()
        parameters = dict(model.named_parameters())
        unreached = [name for name, p in parameters.items() if p.grad is None or not p.grad.abs().sum() > 0]
        assert unreached == [], point
        held = [p for group in optimizer.param_groups for p in group["params"]]
        assert {id(p) for p in held} == {id(p) for p in parameters.values()}
        assert len(held) == len(parameters)
        optimizer.step()
        model.eval()
        x_num, x_cat = batch(shape, 1)
        assert torch.isfinite(model(x_num, x_cat)).all()


@pytest.mark.slow
@every_recipe
def test_a_recipe_lowers_its_loss(number: int) -> None:
    function = load(read(number))
    model, optimizer = function(**facts(function, "mixed"), **read(number).space.defaults())
    x_num, x_cat = batch("mixed", 256)
    target = (x_num[:, 0].abs() + (x_cat[:, 2] == 1)).unsqueeze(-1)
    losses = []
    for _ in range(150):
        outputs = model(x_num, x_cat)
        outputs = outputs if outputs.ndim == 3 else outputs.unsqueeze(1)
        loss = nn.functional.mse_loss(outputs, target.unsqueeze(1).expand_as(outputs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0]


@every_recipe
def test_a_recipe_stays_small_on_very_wide_tables(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "wide", (10_000, [5] * 1_000, 1))
    function = load(read(number))
    model, _ = function(**facts(function, "wide"), **read(number).space.defaults())
    assert sum(p.numel() for p in model.parameters()) < 10_000_000
    assert model(*batch("wide", 4)).shape[0] == 4


@every_recipe
def test_a_missing_code_that_training_never_showed_is_neutral(number: int) -> None:
    function = load(read(number))
    model, _ = function(**facts(function, "mixed"), **read(number).space.defaults())
    embedded = model.categorical(torch.zeros(1, 3, dtype=torch.int64))
    assert torch.equal(embedded, torch.zeros_like(embedded))


@pytest.mark.parametrize("number", [1, 2])
def test_piecewise_linear_places_follow_the_quantiles(number: int) -> None:
    names: dict[str, Any] = {}
    exec(CookbookAuthor().source(number, "regression"), names)
    quantiles = torch.linspace(0, 64, 65).unsqueeze(0)
    layer = names["PiecewiseLinearEmbedding"](quantiles, 4, 1)
    values = torch.tensor([[-8.0], [0.0], [16.0], [24.0], [64.0], [999.0]])
    with torch.no_grad():
        layer.linear.zero_()
        layer.bias.zero_()
        layer.weight.fill_(1.0)
        # the sum of the four bins: a quarter of the way is one whole bin, nothing more beyond the ends
        assert layer(values).flatten().tolist() == [0.0, 0.0, 1.0, 1.5, 4.0, 4.0]
        layer.weight.zero_()
        layer.linear.fill_(2.0)
        assert torch.equal(layer(values), 2 * values)  # the linear part has no ends


def test_the_declared_default_of_the_target_transform_is_that_of_the_task() -> None:
    for number in range(1, len(RECIPES) + 1):
        source = CookbookAuthor(default_transform="log").source(number, "regression")
        verdict = read_candidate(source, name="c01", author="cookbook")
        assert verdict.candidate is not None
        dimension = verdict.candidate.space["target_transform"]
        assert isinstance(dimension, Choice)
        assert dimension.default == ("sqrt" if number % 2 == 0 else "log")
        assert is_recipe(source)


@pytest.mark.parametrize(("rows", "expected"), [(0, 256), (30_000, 256), (30_001, 512), (5_000_000, 1024)])
def test_large_tables_begin_with_large_batches(rows: int, expected: int) -> None:
    for number in range(1, len(RECIPES) + 1):
        source = CookbookAuthor().source(number, "binary", rows)
        verdict = read_candidate(source, name="c01", author="cookbook")
        assert verdict.candidate is not None
        assert verdict.candidate.space["batch_size"].default == expected
        assert is_recipe(source)


@pytest.mark.slow
def test_training_arguments_that_do_nothing_for_the_task_are_left_out() -> None:
    for number in range(1, len(RECIPES) + 1):
        assert {"loss", "target_transform"} <= set(read(number, "regression").space)
        assert "label_smoothing" not in read(number, "regression").space
        for kind in ("binary", "multiclass"):
            space = read(number, kind).space  # type: ignore[arg-type]
            assert "label_smoothing" in space
            assert not {"loss", "target_transform"} & set(space)


class _Fold:
    train = range(100)


class _Split:
    trainings = (_Fold(),)


class _Task:
    kind: Kind = "regression"
    split = _Split()


def brief(number: int, previous: str | None = None) -> Brief:
    return Brief(task=_Task(), hardware="", budget="", number=number, previous=previous)  # type: ignore[arg-type]


def test_candidate_n_is_recipe_n_and_the_same_when_it_is_to_be_mended() -> None:
    author = CookbookAuthor()
    sources = [author.write(brief(number)).source for number in range(1, len(RECIPES) + 1)]
    assert len(set(sources)) == len(RECIPES) >= 4
    assert author.write(brief(2, previous=sources[1])).source == sources[1]
    assert author.trusted


def test_more_candidates_than_recipes_are_refused() -> None:
    with pytest.raises(ConfigError, match=f"has {len(RECIPES)} functions") as caught:
        CookbookAuthor().write(brief(len(RECIPES) + 1))
    assert caught.value.hint


def test_the_recipes_ship_with_the_package() -> None:
    root = Path(__file__).parents[2]
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["codegen_hpo"]  # hatchling takes every file in it, modules or not
    assert {file.stem for file in (root / "codegen_hpo/author/recipes").glob("*.py")} == set(RECIPES)
