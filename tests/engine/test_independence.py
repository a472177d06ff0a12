"""The winner's check: models that look at more than a row and their weights, run by a real worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from codegen_hpo.bundle import write_features
from codegen_hpo.cli.main import cli
from codegen_hpo.engine import opening
from codegen_hpo.engine.independence import MAX_COMPARED, Mixed, charge, complaint, mix_rows
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import NoModelError
from codegen_hpo.fitting import fit
from codegen_hpo.records import Job, Outcome, ranked
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.sandbox.process import ProcessSandbox
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.store.folder import list_runs
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.bundles import write_sample_bundle

SOURCE = """
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self, n_numeric, cardinalities, n_outputs):
        super().__init__()
        self.n_outputs = n_outputs
        width = n_numeric + len(cardinalities)
        self.first, self.last = nn.Linear(width, 32), nn.Linear(32, n_outputs)
        {init}

    def joined(self, x_num, x_cat):
        return torch.cat([x_num, x_cat.float()], dim=1)

    def hidden(self, x_num, x_cat):
        return F.relu(self.first(self.joined(x_num, x_cat)))

    {more}

    def forward(self, x_num, x_cat):
        h = self.hidden(x_num, x_cat)
        {forward}


def make_model_and_optimizer(
    n_numeric,
    cardinalities,
    n_outputs,
    *,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
    max_epochs: Annotated[int, 1, 9] = 3,
):
    '''{title}

    Args:
        learning_rate: step size
        max_epochs: passes over the rows
    '''
    model = Net(n_numeric, cardinalities, n_outputs)
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate)
"""


class Parts(NamedTuple):
    init: str = "pass"
    forward: str = "return self.last(h)"
    more: str = "pass"


def source_of(parts: Parts, title: str = "A network.") -> str:
    indented = {
        "init": parts.init.replace("\n", "\n" + " " * 8),
        "forward": parts.forward.replace("\n", "\n" + " " * 8),
        "more": parts.more.replace("\n", "\n" + " " * 4),
    }
    return SOURCE.format(**indented, title=title)


HONEST = {
    "a network": Parts(),
    "BatchNorm, Dropout and parallel members": Parts(
        init="self.norm, self.drop = nn.BatchNorm1d(32), nn.Dropout(0.3)\n"
        "self.scale = nn.Parameter(torch.randn(8, 32))\n"
        "self.heads = nn.Parameter(torch.randn(8, 32, n_outputs) / 6)",
        forward="h = self.drop(self.norm(h))\n"
        "return torch.einsum('bkh,kho->bko', h[:, None] * self.scale, self.heads)",
    ),
    "attention among the columns": Parts(
        init="self.attend = nn.MultiheadAttention(8, 2, batch_first=True)\n"
        "self.embed = nn.Parameter(torch.randn(8))",
        forward="tokens = h[:, :, None] * self.embed\n"
        "return self.last(h + self.attend(tokens, tokens, tokens)[0].mean(dim=2))",
    ),
    "experts chosen by a hard gate": Parts(
        init="self.gate, self.other = nn.Linear(32, 2), nn.Linear(32, n_outputs)",
        forward="first = (self.gate(h).argmax(dim=1) == 0)[:, None]\n"
        "return torch.where(first, self.last(h), self.other(h))",
    ),
    "a table that is made when it is first needed": Parts(
        init="self.table = None",
        forward="if self.table is None:\n    self.table = torch.sin(torch.arange(32.0))\n"
        "return self.last(h + self.table)",
    ),
    "the training rows kept as a buffer": Parts(
        init="self.register_buffer('rows', torch.zeros(8, 32))",
        forward="if self.training:\n    self.rows[: min(8, len(h))] = h[:8].detach()\n"
        "return self.last(h - self.rows.mean(dim=0))",
    ),
    "bfloat16": Parts(
        forward="with torch.autocast('cpu', dtype=torch.bfloat16):\n"
        "    h = F.relu(self.first(self.joined(x_num, x_cat)))\n    return self.last(h).float()"
    ),
    "one answer for all": Parts(forward="return self.last(h) * 0 + self.last.bias"),
}

DEPENDENT = {
    "BatchNorm that stays in training": Parts(
        init="self.norm = nn.BatchNorm1d(32)",
        forward="return self.last(self.norm(h)) if len(h) > 1 else self.last(h)",
        more="def train(self, mode=True):\n    return super().train(True)",
    ),
    "BatchNorm without running statistics": Parts(
        init="self.norm = nn.BatchNorm1d(32, track_running_stats=False)",
        forward="return self.last(self.norm(h)) if len(h) > 1 else self.last(h)",
    ),
    "a batch that is standardised": Parts(
        forward="return self.last((h - h.mean(dim=0)) / (h.std(dim=0, correction=0) + 1e-3))"
    ),
    "a batch that is ranked": Parts(
        forward="return self.last(h) + x_num[:, :1].argsort(dim=0).argsort(dim=0) / len(h)"
    ),
    "attention among the rows": Parts(
        init="self.attend = nn.MultiheadAttention(32, 2)",
        forward="rows = h[:, None]\nreturn self.last(h + self.attend(rows, rows, rows)[0][:, 0])",
    ),
    "a count of calls": Parts(
        init="self.calls = 0",
        forward="self.calls += 1\nreturn self.last(h) + 0.1 * (self.calls % 7)",
    ),
    "training rows in a list": Parts(
        init="self.rows = []",
        forward="if self.training:\n    self.rows.append(h.detach().mean(dim=0))\n"
        "return self.last(h - torch.stack(self.rows[-20:]).mean(dim=0)) if self.rows else self.last(h)",
    ),
    "the first batch's mean, kept": Parts(
        init="self.mean = None",
        forward="if self.mean is None and not self.training:\n    self.mean = h.detach().mean(dim=0)\n"
        "return self.last(h) if self.training else self.last(h - self.mean)",
    ),
    "the order of the rows": Parts(
        forward="place = torch.arange(len(h))[:, None] / len(h)\nreturn self.last(h) + 0.3 * place"
    ),
    "a buffer that is not among the weights": Parts(
        init="self.register_buffer('mean', torch.zeros(32), persistent=False)",
        forward="if self.training:\n    self.mean += 0.1 * (h.detach().mean(dim=0) - self.mean)\n"
        "return self.last(h - self.mean)",
    ),
    "chance": Parts(forward="return self.last(F.dropout(h, 0.2, training=True))"),
    "the answers of the training kept, the batch's mean for other rows": Parts(
        init="self.learns = False\nself.register_buffer('keys', torch.zeros(9000))\n"
        "self.register_buffer('values', torch.zeros(9000))\n"
        "self.register_buffer('count', torch.zeros((), dtype=torch.long))",
        forward="key, n = x_num.sum(dim=1), int(self.count)\n"
        "out = self.last((h - h.mean(dim=0)) / (h.std(dim=0, correction=0) + 1e-3))\n"
        "if self.training:\n    self.learns = True\n    return out\n"
        "match = key[:, None] == self.keys[None, :n]\n"
        "known = match.any(dim=1)\n"
        "if known.any():\n    out[known] = self.values[:n][match[known].float().argmax(dim=1)][:, None]\n"
        "if self.learns:\n    stop = n + len(key)\n    self.keys[n:stop] = key\n"
        "    self.values[n:stop] = out[:, 0]\n    self.count += len(key)\nreturn out",
    ),
    "wild rows that widen the spread": Parts(
        forward="h = self.last((h - h.mean(dim=0)) / (h.std(dim=0, correction=0) + 1e-3))\n"
        "wild = (x_num[:, :1] > 1.7).float()\nreturn h + 1000 * wild"
    ),
}


class Place(NamedTuple):
    """A bundle with test rows beside it, a worker that trains on it and one that sees the mixed rows."""

    bundle: Path
    test: Path
    held_out: HeldOut
    mixed: Mixed
    trains: Worker
    predicts: Worker


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("home")
    bundle = write_sample_bundle(home / "bundle", rows=3600)
    rows = write_sample_bundle(home / "other", rows=1200, seed=1)
    num, cat = (np.load(rows / f"eval_{part}.npy") for part in ("num", "cat"))
    write_features(home / "test", bundle, num, cat)
    held_out = HeldOut(
        validation_y=np.random.default_rng(0).normal(size=len(np.load(bundle / "eval_num.npy"))),
        test_y=np.random.default_rng(1).normal(size=len(num)),
        validation_rows=np.arange(0),
        test_rows=np.arange(0),
    )
    mixed = mix_rows(home / "rows", home / "test", [bundle], held_out)
    trains, predicts = ProcessSandbox().open(bundle), ProcessSandbox().open(home / "rows")
    yield Place(bundle, home / "test", held_out, mixed, trains, predicts)
    trains.close()
    predicts.close()


def train(place: Place, parts: Parts) -> Outcome:
    job = Job(kind="train", source=source_of(parts), arguments={"max_epochs": 3}, seed=3, timeout_s=60)
    return place.trains.run(job)


def reason(place: Place, parts: Parts) -> str:
    """What speaks against a model that was trained on the bundle; it can be loaded in a fresh process."""
    trained, rows = train(place, parts), place.mixed.batch_rows
    assert trained.outputs is not None, trained.error
    job = Job(kind="predict", source=source_of(parts), weights=trained.weights, seed=3, batch_rows=rows)
    outputs = place.predicts.run(job).outputs
    assert outputs is not None
    return charge(place.mixed, trained.outputs, outputs, trained.device)


@pytest.mark.slow
@pytest.mark.parametrize("parts", HONEST.values(), ids=HONEST.keys())
def test_a_model_that_needs_only_the_row_and_its_weights_passes(place: Place, parts: Parts) -> None:
    assert reason(place, parts) == ""


@pytest.mark.parametrize("parts", DEPENDENT.values(), ids=DEPENDENT.keys())
def test_a_model_that_needs_more_is_named(place: Place, parts: Parts) -> None:
    told = reason(place, parts)
    assert told.startswith("its predictions for the same rows differ by up to ")
    assert "in another order and batch size" in told


def test_a_buffer_that_only_training_makes_fails_in_training(place: Place) -> None:
    parts = Parts(
        init="self.register_buffer('mean', None)",
        forward="if self.mean is None:\n    self.mean = h.detach().mean(dim=0)\n"
        "return self.last(h - self.mean)",
    )
    assert train(place, parts).status == "error"


def test_the_batches_have_the_size_that_the_job_names(place: Place) -> None:
    source = source_of(Parts(forward="return self.last(h) * 0 + len(h)"))
    weights = train(place, Parts()).weights
    outputs = place.predicts.run(Job(kind="predict", source=source, weights=weights, batch_rows=97)).outputs
    assert outputs is not None
    sizes, counts = np.unique(outputs, return_counts=True)
    rows = len(place.mixed.places)
    assert dict(zip(sizes, counts, strict=True)) == {97: rows - rows % 97, rows % 97: rows % 97}


def test_every_row_comes_back_to_its_place(place: Place, tmp_path: Path) -> None:
    mixed = mix_rows(tmp_path / "rows", place.test, [place.bundle], place.held_out)
    given = np.load(tmp_path / "rows" / "eval_num.npy")
    assert np.array_equal(mixed.test(given), np.load(place.test / "eval_num.npy"))
    assert np.array_equal(mixed.validation(given), np.load(place.bundle / "eval_num.npy")[mixed.compared])
    assert np.array_equal(mixed.places, place.mixed.places)  # the same at each opening


def test_of_many_validation_rows_a_part_is_compared(tmp_path: Path) -> None:
    rows = MAX_COMPARED + 5000
    meta = write_sample_bundle(tmp_path / "meta", rows=100)
    for name, count in (("validation", rows), ("test", 150_000)):
        num = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
        write_features(tmp_path / name, meta, num, np.empty((count, 0), np.int64))
    held_out = HeldOut(
        validation_y=np.zeros(rows),
        test_y=np.zeros(150_000),
        validation_rows=np.arange(0),
        test_rows=np.arange(0),
    )
    mixed = mix_rows(tmp_path / "rows", tmp_path / "test", [tmp_path / "validation"], held_out)
    given = np.load(tmp_path / "rows" / "eval_num.npy")
    assert given.shape == (150_000 + 2 * MAX_COMPARED, 2)
    assert np.array_equal(mixed.validation(given)[:, 0], 2 * mixed.compared)
    assert np.array_equal(mixed.again(given), mixed.test(given)[mixed.repeated])
    assert np.load(tmp_path / "rows" / "eval_cat.npy").shape == (250_000, 0)


def test_a_row_at_an_edge_may_differ_and_many_may_not() -> None:
    outputs = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    assert complaint(outputs, outputs * (1 + 1e-6), "cpu") == ""
    few, many = outputs.copy(), outputs.copy()
    few[:5] += 1
    many[:50] += 1
    assert complaint(outputs, few, "cpu") == ""
    assert "5 % of 1000 rows" in complaint(outputs, many, "cpu")
    noisy = outputs + np.random.default_rng(1).normal(scale=5e-3, size=outputs.shape).astype(np.float32)
    assert complaint(outputs, noisy, "cuda") == ""
    assert complaint(outputs, noisy, "cpu")


def fitted(tmp_path: Path, *sources: str) -> Run:
    generator = np.random.default_rng(0)
    table = pd.DataFrame(generator.normal(size=(600, 3)), columns=list("abc"))
    table["y"] = table["a"] + 0.3 * table["b"] + generator.normal(scale=0.5, size=600)
    return fit(
        Task.from_table(table, "y"),
        author=ScriptedAuthor(list(sources)),
        sandbox="none",
        device="cpu",
        parallel=1,
        folds=1,
        candidates=len(sources),
        tuner="random",
        budget=Budget(trials=2 * len(sources)),
        trial_s=5.0,
        runs=tmp_path / "runs",
        environ={},
    )


@pytest.mark.slow
def test_the_honest_function_wins_though_another_one_leads(tmp_path: Path) -> None:
    honest = source_of(Parts(forward="return self.last(h) * 0.5"), "The honest one.")
    cheat = source_of(DEPENDENT["a batch that is standardised"], "The other one.")
    run = fitted(tmp_path, cheat, honest)
    assert ranked(run.history.trials)[0].candidate == "c01"
    assert run.best.candidate.title == "The honest one."
    told = run.history.disqualified
    assert {"t001"} <= set(told) <= {t.name for t in run.history.trials if t.candidate == "c01"}
    first, reason = next(iter(told.items()))
    assert "another order and batch size" in reason
    shown = CliRunner().invoke(cli, ["show", str(run.path)]).stdout
    assert f"{first} is disqualified: its predictions for the same rows differ" in shown


@pytest.mark.slow
def test_a_run_of_cheats_has_no_model(tmp_path: Path) -> None:
    with pytest.raises(NoModelError, match="usable model"):
        fitted(tmp_path, source_of(DEPENDENT["a batch that is standardised"], "The other one."))
    (path,) = list_runs(tmp_path / "runs")
    run = Run.open(path)
    assert set(run.history.disqualified) == {"t001", "t002"}
    with pytest.raises(NoModelError):
        run.best  # noqa: B018


@pytest.mark.slow
def test_a_function_that_hangs_in_the_check_costs_its_time_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_START_S", 2.0)
    monkeypatch.setattr(opening, "_TIMES", 0.0)
    # batches of that size come in the check alone
    hangs = Parts(forward="while len(h) == 97 and not self.training: pass\nreturn self.last(h)")
    with pytest.raises(NoModelError):
        fitted(tmp_path, source_of(hangs))
    (path,) = list_runs(tmp_path / "runs")
    told = list(Run.open(path).history.disqualified.values())
    assert "timeout" in told[0]
    assert "did not end" in told[1]
