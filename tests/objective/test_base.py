"""What came of one call, as every objective tells it."""

from codegen_hpo.objective.base import failed
from codegen_hpo.records import Outcome


def test_the_reason_of_a_failure_is_plain_and_short() -> None:
    measured = failed(Outcome(status="ok"), "error", "first\x1b[2K\r\nlast \u202e" + "x" * 9_999)
    error = measured.outcome.error
    assert measured.value is None
    assert measured.outcome.status == "error"
    assert all(character.isprintable() or character == "\n" for character in error)
    assert len(error.encode()) <= 2_000
