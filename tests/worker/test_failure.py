import pytest
from construct import load
from failure import ContractError, NoFiniteEpochError, describe

SOURCE = """
def deep(n):
    if n == 0:
        raise ValueError("the reason")
    deep(n - 1)


def make_model_and_optimizer(n):
    deep(n)
"""


def failure_of(source: str, *arguments: object) -> tuple[str, int | None]:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        load(source)(*arguments)
    failure = describe(caught.value)
    return failure.error, failure.line


def test_a_traceback_names_lines_of_the_candidate_only() -> None:
    error, line = failure_of(SOURCE, 1)
    assert line == 4
    assert error.splitlines()[-1] == "ValueError: the reason"
    assert 'raise ValueError("the reason")' in error
    assert "construct.py" not in error


def test_a_long_error_keeps_its_last_lines() -> None:
    error, _ = failure_of(SOURCE, 500)
    assert len(error) <= 2000
    assert error.endswith("ValueError: the reason")


def test_a_syntax_error_has_a_line() -> None:
    assert failure_of("x = 1\ny = (\n")[1] == 2


def test_an_exception_that_cannot_be_shown_is_still_described() -> None:
    source = "class Bad(Exception):\n    def __str__(self): raise KeyError\nraise Bad"
    assert failure_of(source)[0].endswith("Bad: (its text cannot be shown: KeyError)")


def test_a_huge_message_is_cut() -> None:
    assert len(describe(ValueError("x" * 10**6)).error) < 1400


def test_contract_and_nan_have_their_own_status() -> None:
    assert describe(ContractError("shape", "no"))[:2] == ("contract", "shape")
    assert describe(NoFiniteEpochError("no")).status == "nan"
    assert describe(KeyboardInterrupt()).error == "KeyboardInterrupt"


class _Hostile(BaseException):
    pass


class _Exits(_Hostile):
    def __str__(self) -> str:
        raise SystemExit


class _Lies(_Hostile):
    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise SystemExit


class _HasNoTraceback(_Hostile):
    @property
    def __traceback__(self) -> None:  # type: ignore[override]
        raise SystemExit


@pytest.mark.parametrize("kind", [_Exits, _Lies, _HasNoTraceback])
def test_an_exception_that_is_hostile_itself_is_a_failure_all_the_same(kind: type[BaseException]) -> None:
    failure = describe(kind())
    assert failure.status == "error"
    assert failure.error
