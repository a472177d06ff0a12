from pathlib import Path

import pytest
import torch
from bundle import Bundle
from construct import load
from dry_run import Check, DryRun

from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import sample_source


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(write_sample_bundle(tmp_path_factory.mktemp("bundle")))


def check(bundle: Bundle, source: str, **arguments: object) -> Check:
    stages: list[str] = []
    dry_run = DryRun(load(source), bundle, torch.device("cpu"), 0, lambda stage, point: stages.append(stage))
    return dry_run.check(0, arguments)


def test_a_good_function_passes_with_its_parameters_counted(bundle: Bundle) -> None:
    found = check(bundle, sample_source())
    assert found._replace(row_s=0.0) == Check(0, 5, "", "", None)


def test_the_seconds_of_a_row_are_told_where_the_point_works(bundle: Bundle) -> None:
    slow = sample_source(forward="import time; time.sleep(0.02)\nreturn self.layer(x_num)")
    assert check(bundle, slow).row_s >= 0.02 / 400  # the bundle has 400 rows
    assert check(bundle, slow, batch_size=8).row_s >= 0.02 / 8
    assert check(bundle, sample_source(forward="raise ValueError")).row_s == 0


def test_a_slow_function_is_timed_on_the_few_rows_of_its_first_step(bundle: Bundle) -> None:
    """Each step on more of them would take the time that is for all points."""
    slow = sample_source(forward="import time; time.sleep(0.06)\nreturn self.layer(x_num)")
    assert check(bundle, slow).row_s >= 0.06 / 64


@pytest.mark.parametrize(
    ("rule", "source", "says"),
    [
        ("shape", sample_source(forward="return self.layer(x_num).T"), "(1, 64)"),
        (
            "shape",
            sample_source(forward="y = self.layer(x_num)\nreturn y if len(y) > 1 else y[0]"),
            "batch of 1",
        ),
        ("loss", sample_source(forward="return self.layer(x_num) / 0"), "loss"),
        ("optimizer", sample_source(returned="model, torch.optim.SGD([model.layer.bias])"), "layer.weight"),
        (
            "optimizer",
            sample_source(
                returned="model, torch.optim.SGD([*model.parameters(), nn.Parameter(torch.zeros(1))])"
            ),
            "1 tensors that are not",
        ),
        (
            "parameters",
            sample_source(returned="model.requires_grad_(False), torch.optim.SGD(model.parameters())"),
            "no",
        ),
        ("exception", sample_source(construct="raise KeyError('x')"), "KeyError"),
        ("exception", sample_source(construct="import sys; sys.exit()"), "exit"),
        ("returns", sample_source(returned="[model]"), "a list"),
        ("signature", "def make_model_and_optimizer(n_rows): pass", "n_rows"),
        ("lazy", sample_source().replace("nn.Linear(n_numeric,", "nn.LazyLinear("), "shape"),
        ("exception", sample_source(construct="torch.empty(1 << 50)"), "allocate"),
    ],
)
def test_a_broken_clause_is_named(bundle: Bundle, rule: str, source: str, says: str) -> None:
    found = check(bundle, source)
    assert (found.rule, found.parameters) == (rule, 0), found
    assert says in found.error


def test_a_layer_that_forward_does_not_use_is_named(bundle: Bundle) -> None:
    source = sample_source().replace("self.layer =", "self.spare = nn.Linear(2, 2); self.layer =")
    found = check(bundle, source)
    assert found.rule == "gradient"
    assert "spare.weight, spare.bias" in found.error


def test_a_giant_is_refused_before_it_is_built(bundle: Bundle) -> None:
    source = sample_source().replace("self.layer =", "self.spare = nn.Linear(10**6, 10**6); self.layer =")
    found = check(bundle, source)
    assert found.rule == "size"
    assert "1,000,001,000,005 parameters" in found.error


def test_an_exception_in_forward_has_its_line(bundle: Bundle) -> None:
    source = sample_source(forward="return self.layer(x_cat.float())")
    found = check(bundle, source)
    assert found.rule == "exception"
    assert source.splitlines()[found.line - 1].strip() == "return self.layer(x_cat.float())"


def test_a_training_argument_that_cannot_be_used_is_named(bundle: Bundle) -> None:
    found = check(bundle, sample_source(), batch_size=0)
    assert found.rule == "settings"


def test_a_batch_of_full_size_is_tried_at_the_dearest_point(tmp_path: Path) -> None:
    large = Bundle(write_sample_bundle(tmp_path, rows=600))
    seen: list[tuple[str, int]] = []
    source = sample_source(forward="if len(x_num) > 512: torch.empty(1 << 50)\nreturn self.layer(x_num)")
    dry_run = DryRun(
        load(source), large, torch.device("cpu"), 0, lambda stage, point: seen.append((stage, point))
    )
    points = [{"batch_size": 64}, {"batch_size": 600}, {"batch_size": 128}]
    assert [dry_run.check(number, point).error for number, point in enumerate(points)] == ["", "", ""]
    complaints = dry_run.probe_memory(points)
    assert [(complaint.point, complaint.rule) for complaint in complaints] == [(1, "exception")]
