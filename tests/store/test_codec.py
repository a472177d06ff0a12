"""Records survive JSON."""

import json
import math
from dataclasses import replace

import numpy as np

from codegen_hpo.records import Call, Candidate, Check, Epoch, Finding, Outcome, Trial
from codegen_hpo.space import Choice, Int, Space
from codegen_hpo.store import codec

OUTCOME = Outcome(
    status="ok",
    curve=(Epoch(1, 0.5, 0.25, 0.1), Epoch(2, 0.25, 0.125, 0.2)),
    checks=(Check({"width": 8}, 10, "shape", "shape", 3), Check({"width": 9}, 11, "", "", None, 2e-6)),
    notes=("batch_size=8",),
    seconds=1.5,
)


def test_an_outcome_comes_back_without_its_arrays() -> None:
    full = replace(OUTCOME, outputs=np.zeros((2, 1), np.float32), weights=b"w")
    assert codec.outcome_from_json(json.loads(json.dumps(codec.outcome_to_json(full)))) == OUTCOME


def test_losses_that_are_not_finite_become_null_and_nan_again() -> None:
    data = json.dumps(
        codec.outcome_to_json(replace(OUTCOME, curve=(Epoch(1, math.inf, math.nan, 0.1),))), allow_nan=False
    )
    epoch = codec.outcome_from_json(json.loads(data)).curve[0]
    assert math.isnan(epoch.train_loss)
    assert math.isnan(epoch.inner_loss)


def test_a_trial_comes_back() -> None:
    call = Call(arguments={"width": 8}, proposed_by="llm", reasoning="wider")
    trial = Trial(
        number=3, candidate="c01", code_hash="ab", call=call, outcome=OUTCOME, score=0.9, loss=-0.9, seed=1
    )
    assert codec.trial_from_json(json.loads(json.dumps(codec.trial_to_json(trial)))) == trial


def test_a_candidate_and_its_findings_come_back() -> None:
    space = Space({"width": Int(8, 64, default=16), "norm": Choice((False, True), default=False)})
    candidate = Candidate(name="c01", source="x = 1\n", space=space, title="A title.", author="llm:m")
    again = codec.candidate_from_json(
        json.loads(json.dumps(codec.candidate_to_json(candidate))), candidate.source
    )
    assert (again.name, again.code_hash, dict(again.space)) == (
        candidate.name,
        candidate.code_hash,
        dict(space),
    )
    finding = Finding(gate="rules", rule="import", message="import os", line=1, column=1, hint="leave it out")
    assert codec.findings_from_json([codec.finding_to_json(finding)]) == (finding,)
