"""The worker's modules are imported as the worker does it: by their bare names."""

import sys

import pytest
import torch

from codegen_hpo.resources import resource

sys.path.insert(0, str(resource("sandbox") / "worker"))


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
