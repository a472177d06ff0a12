"""Turns a dry-run's outcome into findings that can be sent back."""

import re
from collections.abc import Sequence

from codegen_hpo.records import Candidate, Check, Finding, Gate, Outcome
from codegen_hpo.space import Arguments, Scalar, Space

MAX_POINTS = 3  # of the space, named in one finding

_HINTS = {
    "shape": "forward(x_num, x_cat) must return (batch, n_outputs) or (batch, k, n_outputs), for any batch",
    "loss": "outputs must be finite at the first step: check scales, divisions and initial values",
    "gradient": "use every trainable parameter in forward, or leave it out of the module",
    "optimizer": "give the optimizer model.parameters(), all of them and nothing else",
    "size": "lower the range's end, or let one hyperparameter bound the other",
    "memory": "lower the upper ends of width, depth or batch_size",
    "oom": "lower the upper ends of width, depth or batch_size",
    "timeout": "build and run the network in seconds: look for loops over rows or columns",
    "killed": "the process was ended: look for unbounded memory, recursion or calls that leave Python",
    "contract": "return (model, optimizer): a torch.nn.Module and a torch.optim.Optimizer",
    "nan": "outputs must be finite at the first step: check scales, divisions and initial values",
}
_MEMORY_RULES = frozenset({"memory", "oom"})


def dry_run_findings(outcome: Outcome, candidate: Candidate) -> tuple[Finding, ...]:
    """What a dry-run found wrong, one finding for one fault; empty when every point works."""
    failed: dict[tuple[str, int | None, str], list[Check]] = {}
    for check in outcome.checks:
        if check.error or check.rule:
            # the same fault has other sizes at another point of the space
            fault = (check.rule, check.line, re.sub(r"\d+", "#", check.error))
            failed.setdefault(fault, []).append(check)
    findings = [_of_checks(checks, candidate.space) for checks in failed.values()]
    if outcome.status != "ok" and not findings:
        findings = [_of_status(outcome)]
    return tuple(findings)


def _of_checks(checks: Sequence[Check], space: Space) -> Finding:
    first = checks[0]
    rule = first.rule or "exception"
    points = [_point(check.arguments, space.defaults()) for check in checks]
    shown = "; ".join(points[:MAX_POINTS])
    if len(points) > MAX_POINTS:
        shown += f"; and {len(points) - MAX_POINTS} more points"
    message = f"at {shown}: {first.error or 'the check failed'}"
    return Finding(gate=_gate(rule), rule=rule, message=message, line=first.line, hint=_HINTS.get(rule, ""))


def _of_status(outcome: Outcome) -> Finding:
    where = f" in stage {outcome.stage}" if outcome.stage else ""
    error = outcome.error or "no message"
    return Finding(
        gate=_gate(outcome.status),
        rule=outcome.status,
        message=f"the dry-run ended with {outcome.status}{where}: {error}",
        line=outcome.line,
        hint=_HINTS.get(outcome.status, ""),
    )


def _gate(rule: str) -> Gate:
    return "memory" if rule in _MEMORY_RULES else "dry-run"


def _point(arguments: Arguments, defaults: Arguments) -> str:
    """The arguments that differ from the defaults: "width=1024, dropout=0.6"."""
    changed = {name: value for name, value in arguments.items() if defaults.get(name) != value}
    return ", ".join(f"{name}={_short(value)}" for name, value in changed.items()) or "the defaults"


def _short(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
