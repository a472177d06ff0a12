"""Opened sandboxes, one of each back end for the tests of a file.

Not for a whole session: other tests look for workers that were left open in this process.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS

BACK_ENDS = [
    "none",
    "landlock",
    pytest.param("bubblewrap", marks=pytest.mark.slow),
    pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow]),
]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module", params=BACK_ENDS)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each back end that this machine has; the others are skipped with what they say themselves."""
    if request.param == "docker":
        request.getfixturevalue("docker_image")
    try:
        return choose_sandbox(request.param, trusted=True, limits=CASE_LIMITS)
    except SandboxError as error:
        pytest.skip(f"no {request.param}: {error}")


@pytest.fixture(scope="module")
def worker(sandbox: Sandbox, bundle: Path) -> Iterator[Worker]:
    opened = sandbox.open(bundle)
    yield opened
    opened.close()
