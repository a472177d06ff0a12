"""Each back end against the shipped conformance suite."""

import pytest

from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.testing.sandbox_cases import SANDBOX_CASES, SandboxCase, check_case


@pytest.mark.slow
@pytest.mark.parametrize("case", SANDBOX_CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_back_end_handles_the_case_and_lives_on(
    case: SandboxCase, sandbox: Sandbox, worker: Worker
) -> None:
    if case.wall and sandbox.name == "none":
        pytest.skip("the back end `none` has no wall")
    check_case(worker, case)
