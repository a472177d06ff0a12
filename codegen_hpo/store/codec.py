"""Records as JSON and back. Arrays and weights are files of their own and left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from codegen_hpo.records import Call, Candidate, Check, Epoch, Finding, FoldResult, Outcome, Series, Trial
from codegen_hpo.space import Space


def finding_to_json(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def findings_from_json(data: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**fields) for fields in data)


def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    """Everything but the source, which is the candidate's `model.py`."""
    return {
        "name": candidate.name,
        "title": candidate.title,
        "author": candidate.author,
        "code_hash": candidate.code_hash,
        "space": candidate.space.to_json(),
    }


def candidate_from_json(data: Mapping[str, Any], source: str) -> Candidate:
    return Candidate(
        name=data["name"],
        title=data["title"],
        author=data["author"],
        space=Space.from_json(data["space"]),
        source=source,
    )


def call_to_json(call: Call) -> dict[str, Any]:
    return asdict(call) | {"arguments": dict(call.arguments), "reasons": dict(call.reasons)}


def call_from_json(data: Mapping[str, Any]) -> Call:
    return Call(**data)


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    fields = asdict(replace(outcome, outputs=None, weights=None))
    del fields["outputs"], fields["weights"]
    return _finite(fields)  # type: ignore[no-any-return]


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    fields = dict(data)
    read = {
        "curve": tuple(Epoch._make(_numbers(row)) for row in fields["curve"]),
        "trajectory": tuple(
            Series(name, tuple(steps), _numbers(values)) for name, steps, values in fields["trajectory"]
        ),
        "checks": tuple(Check(*row) for row in fields["checks"]),
        "notes": tuple(fields["notes"]),
    }
    return Outcome(**fields | read)


def trial_to_json(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "candidate": trial.candidate,
        "code_hash": trial.code_hash,
        "call": call_to_json(trial.call),
        "outcome": outcome_to_json(trial.outcome),
        "score": trial.score,
        "loss": trial.loss,
        "seed": trial.seed,
        "analysis": trial.analysis,
        "folds": [fold._asdict() for fold in trial.folds],
    }


def trial_from_json(data: Mapping[str, Any]) -> Trial:
    plain = ("number", "candidate", "code_hash", "score", "loss", "seed", "analysis")
    call, outcome = call_from_json(data["call"]), outcome_from_json(data["outcome"])
    folds = tuple(FoldResult(**fold) for fold in data["folds"])
    return Trial(call=call, outcome=outcome, folds=folds, **{name: data[name] for name in plain})


def _numbers(row: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else value for value in row)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
