"""The check that a user can make of every promise of a sandbox."""

import pytest

from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.try_out import check, try_out
from codegen_hpo.sandbox.warm import WALLED

pytestmark = pytest.mark.slow


def test_every_promise_is_tried_and_none_has_no_wall_to_hide_files_behind(sandbox: Sandbox) -> None:
    probes = {probe.name: probe for probe in check(sandbox)}
    assert {"starts", "trains", *WALLED, "file", "environment", "time", "memory", "output"} < set(probes)
    broken = {name for name, probe in probes.items() if not probe.ok}
    assert broken <= {"file"}
    assert probes["file"].found.endswith("NOT hidden" if sandbox.name == "none" else "hidden")
    assert ("file" in broken) == (sandbox.name == "none")


def test_one_line_tells_of_a_sandbox_that_works(sandbox: Sandbox) -> None:
    assert try_out(sandbox).startswith(f"{sandbox.name}: worker ready in ")
