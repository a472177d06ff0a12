"""A dry-run's outcome as findings."""

import pytest

from codegen_hpo.contract import dry_run_findings
from codegen_hpo.records import Candidate, Check, Outcome
from codegen_hpo.space import Choice, Float, Int, Space

SPACE = Space(
    {"width": Int(8, 64, default=16), "rate": Float(1e-4, 0.1, default=0.01), "act": Choice(("a", "b"))}
)
CANDIDATE = Candidate(name="c01", source="x = 1\n", space=SPACE, title="A network", author="test")


def check(error: str = "", rule: str = "", line: int | None = None, **changed) -> Check:
    return Check(SPACE.defaults() | changed, 100, error, rule, line)


def findings(*checks: Check, status="contract", **fields):
    return dry_run_findings(Outcome(status=status, checks=checks, **fields), CANDIDATE)


def test_a_dry_run_that_works_at_every_point_gives_none():
    assert findings(check(), check(width=64), status="ok") == ()


def test_the_same_fault_at_several_points_is_one_finding():
    (finding,) = findings(
        check(),
        check("mat1 and mat2 shapes cannot be multiplied (4x8 and 16x1)", "exception", 7, width=8),
        check(
            "mat1 and mat2 shapes cannot be multiplied (4x64 and 16x1)", "exception", 7, width=64, rate=0.1
        ),
    )
    assert finding.message == (
        "at width=8; width=64, rate=0.1: mat1 and mat2 shapes cannot be multiplied (4x8 and 16x1)"
    )
    assert (finding.gate, finding.rule, finding.line) == ("dry-run", "exception", 7)


def test_different_faults_are_different_findings():
    found = findings(
        check("no gradient reaches bias", "gradient"),
        check("output is (4, 2), expected (4, 1)", "shape", act="b"),
        check("the same words", "exception", 3),
        check("the same words", "exception", 4),
    )
    assert [finding.rule for finding in found] == ["gradient", "shape", "exception", "exception"]
    assert found[0].message.startswith("at the defaults: no gradient")
    assert found[0].hint
    assert found[1].message.startswith("at act='b': ")


def test_a_long_list_of_points_is_cut():
    (finding,) = findings(*(check("bad", "loss", width=width) for width in range(20, 30)))
    assert finding.message == "at width=20; width=21; width=22; and 7 more points: bad"


def test_memory_is_a_gate_of_its_own():
    (finding,) = findings(check("2 GB are needed", "memory", width=64))
    assert finding.gate == "memory"


@pytest.mark.parametrize(
    ("status", "gate"),
    [("timeout", "dry-run"), ("oom", "memory"), ("killed", "dry-run"), ("error", "dry-run")],
)
def test_a_dry_run_that_ended_early_says_how(status, gate):
    (finding,) = findings(check(), status=status, stage="construct", error="took too long", line=5)
    assert finding.message == f"the dry-run ended with {status} in stage construct: took too long"
    assert (finding.gate, finding.rule, finding.line) == (gate, status, 5)


def test_points_that_failed_before_the_end_say_more_than_the_end():
    (finding,) = findings(check("bad", "shape"), status="timeout")
    assert finding.rule == "shape"
