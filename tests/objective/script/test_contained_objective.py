"""A script as an objective in a container: its paths, its links, and what it leaves."""

import json
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.objective.script.container import ContainerRunner

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def runner(docker_image: str) -> ContainerRunner:
    return ContainerRunner(docker_image, memory_bytes=256 << 20, cpus=1.0, processes=32)


def test_a_contained_script_reads_its_arguments_and_its_value_is_read(
    exp: Path, make_objective: Any, runner: ContainerRunner
) -> None:
    code = """
import json, os, sys
assert os.getcwd() == os.environ["CODEGEN_HPO_FOLDER"] == sys.argv[1] == "/work"
config = json.load(open("c.json"))
assert json.load(open(os.environ["CODEGEN_HPO_ARGUMENTS"])) == {"lr": config["lr"]}
json.dump(config | {"seed": 1}, open("c.json", "w"))
os.makedirs("out")
with open("out/metrics.csv", "w") as file:
    file.write("epoch,loss\\n1,0.75\\n2," + str(config["lr"] * 2) + "\\n")
"""
    (exp / "data").symlink_to("/etc")
    objective = make_objective(
        code, command="python train.py {folder}", sandbox="docker", runner=runner, file="out/metrics.csv"
    )
    measured = objective.measure({"lr": 0.25}, 1)
    assert (measured.value, measured.outcome.status) == (0.5, "ok"), measured.outcome.error
    assert measured.outcome.notes == ("data leads out of the script's folder, and is not in the copy",)
    assert [series.values for series in measured.outcome.trajectory] == [(0.75, 0.5)]
    assert json.loads((exp / "c.json").read_text()) == {"lr": 0.1, "epochs": 5}
    kept = exp / "runs/r/trials/t001/work"
    assert sorted(path.name for path in kept.iterdir()) == ["c.json", "codegen-hpo-arguments.json", "out"]


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (
            "import os; os.remove('c.json'); os.mkfifo('c.json'); print(1)",
            "bad_result",
            "cannot be read any more",
        ),
        (
            "import os; os.remove('c.json'); os.symlink('/etc/passwd', 'c.json'); print(1)",
            "bad_result",
            "cannot",
        ),
        ("import os; [os.chmod(n, 0) for n in os.listdir()]; os.chmod('.', 0); print(1)", "ok", ""),
        ("x = bytearray(1 << 30); print(1)", "oom", "more memory than its container"),
    ],
)
def test_nothing_that_a_contained_script_leaves_stops_the_host(
    make_objective: Any, runner: ContainerRunner, code: str, status: str, said: str
) -> None:
    objective = make_objective(code, command="python train.py", sandbox="docker", runner=runner, file="")
    outcome = objective.measure({"lr": 0.25}, 1).outcome
    assert outcome.status == status
    assert said in outcome.error
