"""The Docker engine under a run: stopped, killed, restarted, robbed of its image. `resume` carries each on.

The engine is the tests' own, because the machine's belongs to its user.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from codegen_hpo.run import Run
from codegen_hpo.sandbox.image import BASE_VARIABLE, REPOSITORY
from codegen_hpo.testing.processes import kept_by_engine, none_left, working_on
from codegen_hpo.testing.second_engine import SecondEngine
from codegen_hpo.testing.watched_runs import (
    Moment,
    Process,
    after,
    assert_as_if_nothing_had_happened,
    ended,
    finish,
    kinds,
    started,
    the_run,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.docker]

IN_THE_LAST_TRIAL = after("call", 2, wait_s=0.2)  # its worker has been there for another
AT_A_START = after("call", wait_s=0.4)  # of the worker for the better candidate's trials
IN_THE_FIRST_TRIAL = after("candidate", wait_s=0.1)


@pytest.fixture(scope="module")
def engine(docker_image: str) -> Iterator[SecondEngine]:
    """An engine with the base image that processes of this module meet; each test leaves it running."""
    base = os.environ.get(BASE_VARIABLE)
    if not base or not SecondEngine.possible():
        pytest.skip(f"needs root, dockerd and a local base image that {BASE_VARIABLE} names")
    machines = docker.from_env()
    # the path of a socket must be short
    second = SecondEngine(Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp")))
    with pytest.MonkeyPatch.context() as patch:
        try:
            second.start()
            second.take_image(machines, base)
            patch.setenv("DOCKER_HOST", second.host)
            yield second
        finally:
            machines.close()
            second.remove()


@pytest.fixture(scope="module")
def fit(engine: SecondEngine, noise: Path) -> tuple[object, ...]:
    """The command of every run here; its first process builds the image."""
    command = ("fit", noise, "--target", "y", "--cookbook", "--candidates", 2, "--trials", 4, "--folds", 1)
    return (*command, "--trial-time", "60s", "--threads", 1, "--parallel", 1, "--sandbox", "docker")


@pytest.fixture(scope="module")
def whole(fit: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that is not disturbed."""
    runs = tmp_path_factory.mktemp("whole")
    finish(*fit, "--runs", runs)
    run = the_run(runs)
    assert {t.outcome.stopped for t in run.history.trials} <= {"patience", "epochs"}, "the clock decided"
    return run


def assert_nothing_is_left(host: Process, run: Run) -> None:
    assert not none_left(lambda: working_on(run.path.name))
    assert not none_left(lambda: kept_by_engine([host.pid]))


def assert_told(complaints: str, what: str, run: Run) -> None:
    assert what in complaints
    assert f"resume {run.path}" in complaints
    assert run.history.state == "failed"
    assert {t.outcome.status for t in run.history.trials} <= {"ok"}, "the engine's fault is no trial's"


@pytest.mark.parametrize(
    ("how", "moment"),
    # an engine that is stopped lets its containers go on for ten seconds: enough for a last trial
    [("stop", IN_THE_FIRST_TRIAL), ("kill", AT_A_START)],
    ids=["stop-in-a-trial", "kill-at-a-start"],
)
def test_an_engine_that_goes_away_ends_a_run_that_goes_on_when_it_is_back(
    how: str, moment: Moment, engine: SecondEngine, fit: tuple[object, ...], whole: Run, tmp_path: Path
) -> None:
    with started(*fit, "--runs", tmp_path) as host:
        wait_for(moment, tmp_path, host)
        try:
            getattr(engine, how)()
            complaints = ended(host, 5)
        finally:
            engine.start()
    run = the_run(tmp_path)
    assert_told(complaints, "the Docker engine does not answer", run)
    assert_nothing_is_left(host, run)
    finish("resume", run.path)
    assert_as_if_nothing_had_happened(the_run(tmp_path), whole)


@pytest.mark.parametrize("moment", [IN_THE_LAST_TRIAL, AT_A_START], ids=["in-a-trial", "at-a-start"])
def test_an_engine_that_is_back_within_seconds_is_waited_for(
    moment: Moment, engine: SecondEngine, fit: tuple[object, ...], whole: Run, tmp_path: Path
) -> None:
    with started(*fit, "--runs", tmp_path) as host:
        wait_for(moment, tmp_path, host)
        engine.kill()
        engine.start()
        complaints = ended(host, 0)
    assert "waiting 20 s" in complaints
    assert_as_if_nothing_had_happened(the_run(tmp_path), whole)
    assert_nothing_is_left(host, the_run(tmp_path))


def remove_images(*repositories: str) -> None:
    """Removes their names as `docker rmi -f` does: what a container uses stays without one."""
    client = docker.from_env()
    try:
        for repository in repositories:
            for image in client.images.list(name=repository):
                for tag in (tag for tag in image.tags if tag.startswith(repository)):
                    client.images.remove(tag, force=True)
    finally:
        client.close()


def test_an_image_that_is_removed_is_built_again_while_the_run_goes_on(
    fit: tuple[object, ...], whole: Run, tmp_path: Path
) -> None:
    with started(*fit, "--runs", tmp_path) as host:
        wait_for(IN_THE_FIRST_TRIAL, tmp_path, host)
        remove_images(REPOSITORY)
        complaints = ended(host, 0)
    assert "image is built now" in complaints
    assert_as_if_nothing_had_happened(the_run(tmp_path), whole)
    assert_nothing_is_left(host, the_run(tmp_path))


def test_an_image_that_cannot_be_built_again_ends_a_run_that_goes_on_when_it_can(
    fit: tuple[object, ...], whole: Run, tmp_path: Path
) -> None:
    base = os.environ[BASE_VARIABLE]
    client = docker.from_env()
    client.images.get(base).tag("kept", "here")
    try:
        with started(*fit, "--runs", tmp_path) as host:
            wait_for(IN_THE_FIRST_TRIAL, tmp_path, host)
            remove_images(REPOSITORY, base)
            complaints = ended(host, 5)
    finally:
        client.images.get("kept:here").tag(*base.rsplit(":", 1))
        client.close()
    run = the_run(tmp_path)
    assert_told(complaints, "the sandbox image cannot be built", run)
    assert base in complaints
    assert "candidate" in kinds(tmp_path)
    assert_nothing_is_left(host, run)
    finish("resume", run.path)
    assert_as_if_nothing_had_happened(the_run(tmp_path), whole)
