from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.testing.sandboxes import ScriptedSandbox


def test_a_scripted_sandbox_answers_by_its_script_and_remembers_the_jobs() -> None:
    scripted = ScriptedSandbox(lambda job: Outcome(status="ok" if job.seed else "nan"))
    sandbox: Sandbox = scripted
    worker = sandbox.open(Path("bundle"))
    jobs = [Job(kind="train", source="a", seed=seed) for seed in (0, 1)]
    assert [worker.run(job).status for job in jobs] == ["nan", "ok"]
    assert scripted.jobs == jobs
    assert scripted.bundles == [Path("bundle")]
    worker.close()
    with pytest.raises(SandboxError):
        worker.run(jobs[0])
