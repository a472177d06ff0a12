"""SMAC's random forest and Gaussian process over a space."""

import logging
import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from codegen_hpo.space import Arguments, Choice, Float, Space
from codegen_hpo.testing.tuner_cases import MIXED, play, told
from codegen_hpo.tuner.classical import ClassicalTuner
from codegen_hpo.tuner.make import make_tuner

pytest.importorskip("smac")
KINDS = ["smac-rf", "smac-gp"]
LINE = Space({"x": Float(0.0, 1.0)})


def after(kind: str, losses: list[float | None], space: Space = LINE) -> ClassicalTuner:
    """A tuner that was told these losses, from the left end of the line to the right one."""
    tuner = make_tuner(kind, space, seed=0, trials=8)
    assert isinstance(tuner, ClassicalTuner)
    for number, loss in enumerate(losses):
        tuner.tell(told(number + 1, {"x": number / (len(losses) - 1)}, loss))
    return tuner


def test_the_design_comes_first_and_another_seed_has_another_one():
    designs = [[t.call.arguments for t in play(make_tuner("smac-rf", MIXED, seed=s), 8)] for s in (0, 1)]
    assert designs[0] != designs[1]
    shares = sorted(float(point["dropout"]) / 0.6 for point in designs[0])
    # a Sobol sequence puts one of eight points into each eighth
    assert [int(8 * share) for share in shares] == list(range(8))


@pytest.mark.parametrize("kind", KINDS)
def test_trials_that_it_did_not_ask_for_count_from_the_first_proposal_on(kind):
    tuner = after(kind, [(x / 10 - 0.3) ** 2 for x in range(11)])
    assert float(tuner.ask(None).arguments["x"]) == pytest.approx(0.3, abs=0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_trial_counts_as_the_worst_one_seen(kind):
    assert after(kind, [0.5, 0.1, 0.3, None]).ask(None) == after(kind, [0.5, 0.1, 0.3, 0.5]).ask(None)


def test_calls_under_way_count_as_the_median():
    with_lie = after("smac-gp", [0.5, 0.1, 0.3, 0.7, 0.2]).ask(None, [])
    tuner = after("smac-gp", [0.5, 0.1, 0.3, 0.7, 0.2])
    assert tuner.ask(None, [with_lie]).arguments["x"] != pytest.approx(with_lie.arguments["x"], abs=1e-3)


def test_it_leaves_no_files_and_no_global_state(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    after("smac-rf", [0.5, 0.1, None]).ask(None)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


_PROPOSAL = """
from codegen_hpo.testing.tuner_cases import MIXED, bowl, told
from codegen_hpo.tuner.make import make_tuner
tuner, source = make_tuner("{kind}", MIXED, seed=0, trials=8), make_tuner("random", MIXED, seed=0)
for number in range(1, 13):
    point = source.ask(None).arguments
    for one in (tuner, source):
        one.tell(told(number, point, bowl(point)))
print(tuner.ask(None).arguments)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "gp"])
def test_another_process_proposes_the_same(kind):
    """SMAC 2.4 held its starting points in a set: a resumed search went another way."""

    def proposal(hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", _PROPOSAL.format(kind=kind)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert proposal("1") == proposal("2") != ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_away_from_where_trials_failed(kind):
    def loss(arguments: Arguments) -> float | None:
        x = float(arguments["x"])
        return None if x > 0.5 else (x - 0.25) ** 2

    runs = [play(make_tuner(kind, LINE, seed=seed, trials=20), 20, loss) for seed in range(2)]
    assert mean(trial.loss is None for run in runs for trial in run[10:]) < 0.4  # a fifth is drawn at random


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_the_option_that_matters(kind):
    space = Space({"x": Float(0.0, 1.0), "kind": Choice((1, True, "1", 1.5))})
    run = play(make_tuner(kind, space, seed=0, trials=20), 20, lambda a: float(a["x"]) + (a["kind"] != "1"))
    assert sum(trial.call.arguments["kind"] == "1" for trial in run[10:]) >= 5  # by chance 2.5
