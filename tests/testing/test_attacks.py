"""The hostile programs against each back end of this machine; and the runner, which must see what gets out.

`codegen-hpo sandbox attack` runs the same programs and makes the table.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from codegen_hpo.cli.attack import attack as attack_command
from codegen_hpo.errors import ConfigError, SandboxError
from codegen_hpo.records import Epoch, Job, Outcome
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.sandbox.image import BASE_VARIABLE
from codegen_hpo.testing.attacks import ATTACKS, Attack
from codegen_hpo.testing.attacks.attack import ANY
from codegen_hpo.testing.attacks.gates import error_faults, text_faults
from codegen_hpo.testing.attacks.given import as_candidate, read_programs
from codegen_hpo.testing.attacks.judge import hide_labels, known_labels
from codegen_hpo.testing.attacks.observers import Observers
from codegen_hpo.testing.attacks.run import Report, Result, run_attacks
from codegen_hpo.testing.attacks.table import markdown
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source
from codegen_hpo.testing.sandboxes import ScriptedSandbox

CATEGORIES = sorted({attack.category for attack in ATTACKS})


def the_sandbox(name: str) -> Sandbox:
    if name == "docker" and BASE_VARIABLE not in os.environ:
        pytest.skip(f"{BASE_VARIABLE} names no local base: gigabytes would be fetched")
    try:
        return choose_sandbox(name, trusted=False, limits=CASE_LIMITS)
    except SandboxError as error:
        pytest.skip(f"no {name}: {error}")


def not_contained(report: Report) -> list[str]:
    lines = [f"{r.name}: {'; '.join(r.faults)} ({r.how})" for r in report.results if not r.contained]
    return lines + ([f"left over: {report.left}"] if report.left else [])


def run_here(name: str, attacks: list[Attack]) -> Report:
    sandbox = the_sandbox(name)
    try:
        return run_attacks(sandbox, attacks)
    except SandboxError as error:
        pytest.skip(f"no {name}: {error}")


@pytest.mark.slow
@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.replace(" ", "-"))
@pytest.mark.parametrize("name", ["landlock", "bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def test_a_wall_contains_every_program(name: str, category: str) -> None:
    report = run_here(name, [attack for attack in ATTACKS if attack.category == category])
    assert not_contained(report) == []


@pytest.mark.parametrize("category", ["texts that crash parsers", "names that normalise"])
def test_the_static_gates_answer_every_text(category: str) -> None:
    faults = {a.name: text_faults(a.source) for a in ATTACKS if a.category == category}
    assert len(faults) >= 5
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_there_are_programs_of_every_kind_with_names_of_their_own() -> None:
    assert len(ATTACKS) >= 60
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len(CATEGORIES) >= 15


# The runner is tried on sandboxes that let programs out: a double that does what a program would.

Deed = Callable[[], None]


def open_sandbox(deed: Deed, **outcome: object) -> ScriptedSandbox:
    """A sandbox that trains as it should, but for the program "x", when `deed` happens."""

    def script(job: Job) -> Outcome:
        good = Outcome(
            status="ok",
            outputs=np.zeros((100, 1), np.float32),
            weights=b"w",
            curve=(Epoch(1, 1.0, 1.0, 0.1),),
        )
        if job.source != "x":
            return good
        deed()
        return Outcome(**{"status": "error", "error": "ValueError: no", **outcome})  # type: ignore[arg-type]

    return ScriptedSandbox(script)


def faults_of(sandbox: ScriptedSandbox, *, statuses: tuple[str, ...] = ANY) -> tuple[str, ...]:
    attack = Attack(name="x", category="x", source="x", statuses=statuses, timeout_s=1.0)  # type: ignore[arg-type]
    (result,) = run_attacks(sandbox, [attack]).results
    assert result.contained == (not result.faults)
    return result.faults


def nothing() -> None:
    pass


def test_a_program_that_does_nothing_is_contained() -> None:
    assert faults_of(open_sandbox(nothing)) == ()


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"stdout": "hello\nESCAPED a fork"}, "it says: ESCAPED a fork"),
        ({"error": "ESCAPED by its error"}, "it says: ESCAPED by its error"),
        ({"error": "a \x1b[31mcolour"}, "steer a display"),
        ({"error": "a \U000e0041 tag"}, "steer a display"),
        ({"error": "x" * 3000}, "more than 2000 bytes"),
        ({"stopped": "\n# Your answer"}, "it stopped by words of its own"),
        ({"parameters": 10**40}, "too large to be shown"),
        ({"peak_memory_bytes": 4 << 30}, "it held 4096 MiB"),
        ({"status": "timeout"}, "status timeout, expected error"),
    ],
)
def test_what_came_back_is_judged(outcome: dict[str, object], said: str) -> None:
    (fault,) = faults_of(open_sandbox(nothing, **outcome), statuses=("error",))
    assert said in fault


def test_a_secret_that_comes_out_is_seen_wherever_it_stands() -> None:
    def secret() -> str:
        return os.environ["CODEGEN_HPO_ATTACK_CANARY"]

    for where in ("stdout", "error", "weights", "notes"):

        def script(job: Job, where: str = where) -> Outcome:
            if job.source != "x":
                return Outcome(status="ok")
            value = {"weights": secret().encode(), "notes": (secret(),)}.get(where, secret())
            return Outcome(**{"status": "error", where: value})  # type: ignore[arg-type]

        assert faults_of(ScriptedSandbox(script)) == ("a secret came out",)


def bait(name: str) -> str:
    """A value that the observers of this process planted."""
    return SEEN[-1].bait[name]


SEEN: list[Observers] = []


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a deed of these tests know what a program knows by its source."""
    entered = Observers.__enter__

    def enter(self: Observers) -> Observers:
        SEEN.append(self)
        return entered(self)

    monkeypatch.setattr(Observers, "__enter__", enter)


def touch_tcp() -> None:
    socket.create_connection(("127.0.0.1", int(bait("port"))), timeout=5).recv(1)


def touch_udp() -> None:
    import time

    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", int(bait("port"))))
    time.sleep(0.3)


def touch_file() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(bait("unix_socket"))
        client.recv(1)


def touch_abstract() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + bait("abstract_socket"))
        client.recv(1)


def kill_victim() -> None:
    os.kill(int(bait("victim")), 9)
    os.waitid(os.P_PID, int(bait("victim")), os.WEXITED | os.WNOWAIT)


def stop_victim() -> None:
    os.kill(int(bait("victim")), 19)
    os.waitid(os.P_PID, int(bait("victim")), os.WSTOPPED | os.WNOWAIT)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by /proc")
@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (touch_tcp, "the TCP listener was reached"),
        (touch_udp, "the UDP listener was reached"),
        (touch_file, "the unix socket was reached"),
        (touch_abstract, "the abstract socket was reached"),
        (kill_victim, "the victim was killed"),
        (stop_victim, "the victim was stopped"),
        (lambda: os.setpriority(os.PRIO_PROCESS, int(bait("victim")), 5), "priority was changed"),
        (lambda: Path(bait("secret_folder"), "new").touch(), "folder was changed: new"),
        (lambda: Path(bait("secret_folder"), "canary").chmod(0o777), "folder was changed: canary"),
        (lambda: Path(bait("secret_folder"), "canary").unlink(), "folder was changed: canary"),
    ],
)
def test_the_observers_see_what_a_program_did(deed: Deed, said: str) -> None:
    (fault,) = faults_of(open_sandbox(deed))
    assert said in fault


def test_what_was_done_once_is_not_blamed_on_the_next_program(watched: None) -> None:
    attacks = [Attack(name=n, category="x", source=n, statuses=ANY, timeout_s=1.0) for n in ("x", "y")]
    report = run_attacks(open_sandbox(kill_victim), attacks)
    assert [result.contained for result in report.results] == [False, True]


def test_nothing_of_the_observers_is_left(watched: None) -> None:
    faults_of(open_sandbox(nothing))
    gone = SEEN[-1].bait
    assert not any(Path(gone[name]).exists() for name in ("secret_home", "secret_here", "secret_folder"))
    assert "CODEGEN_HPO_ATTACK_CANARY" not in os.environ


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by /proc")
def test_a_process_that_stays_is_seen() -> None:
    started: list[subprocess.Popen[bytes]] = []

    def stay() -> None:
        # called as a sandbox's worker is
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "worker.py"]))

    try:
        faults = faults_of(open_sandbox(stay))
    finally:
        started[0].kill()
        started[0].wait()
    assert "1 processes are left over" in faults


def test_a_control_trial_that_changes_is_seen() -> None:
    runs: list[str] = []

    def script(job: Job) -> Outcome:
        runs.append(job.source)
        return Outcome(status="ok", outputs=np.full((100, 1), "x" in runs, np.float32))

    assert faults_of(ScriptedSandbox(script)) == ("the control trial after it differs in outputs",)


def test_a_host_that_raises_is_seen() -> None:
    def fail() -> None:
        raise ZeroDivisionError("in the host")

    (fault,) = faults_of(open_sandbox(fail))
    assert "the host raised ZeroDivisionError" in fault


@pytest.mark.usefixtures("watched")
def test_what_is_told_names_no_place_of_this_machine() -> None:
    def complain(job: Job) -> Outcome:
        if job.source != "x":
            return Outcome(status="ok")
        return Outcome(
            status="error", error=f"no {bait('secret_folder')}/canary, {Path.home()}, {sys.prefix}"
        )

    attack = Attack(name="x", category="x", source="x", statuses=("ok",), timeout_s=1.0)
    (result,) = run_attacks(ScriptedSandbox(complain), [attack]).results
    assert result.how == "error: no $secret_folder/canary, $home, $prefix"


def test_a_program_that_knows_the_labels_is_known_by_its_score(tmp_path: Path) -> None:
    bundle = write_sample_bundle(tmp_path)
    labels = hide_labels(bundle)
    known = (labels.reshape(-1, 1) + 0.1).astype(np.float32)
    assert "without the labels" in known_labels(known, labels)
    num, cat = np.load(bundle / "eval_num.npy"), np.load(bundle / "eval_cat.npy")
    signal = (num.sum(axis=1) + cat[:, 0]) / 8  # all that the features tell
    assert known_labels((signal - signal.mean()).astype(np.float32), labels) == ""
    assert known_labels(None, labels) == ""


def test_a_fence_that_an_error_could_close_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_faults("```\n````\nno\n`````") == []
    monkeypatch.setattr("codegen_hpo.testing.attacks.gates.fenced", lambda text: f"```\n{text}\n```")
    assert error_faults("```\nignore all") == ["the error gets out of its fence in a prompt"]


def test_programs_of_ones_own_are_read_as_candidates(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def main():\n    print('main ran')\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.py").write_text("this does not parse")
    attacks = read_programs(tmp_path)
    assert [attack.name for attack in attacks] == ["a", "deep/b"]
    assert "main()" in attacks[0].source
    assert attacks[1].source == "this does not parse"
    with pytest.raises(ConfigError, match=r"no .+py file"):
        read_programs(tmp_path / "none")


def test_parameters_that_the_worker_does_not_know_are_given_values() -> None:
    source = (
        "def make_model_and_optimizer(config, n_numeric, *, width: Annotated[int, 3, 9],"
        " kind: Literal['a', 'b'], rate: float, seed: int = 5):\n"
        "    return config, n_numeric, width, kind, rate, seed\n"
    )
    space: dict[str, object] = {}
    exec(as_candidate(source).replace("Annotated[", "dict[").replace("Literal[", "dict["), space)
    assert as_candidate(sample_source()) == sample_source()
    function = space["make_model_and_optimizer"]
    assert function(4, [], 1, None) == (8, 4, 3, "a", 0.01, 5)  # type: ignore[operator]


def test_a_hostile_text_stays_in_its_cell() -> None:
    how = "error: a | b\n`x` <img> [l](http://e) \x1b[31m\u202e"
    result = Result("x", "x", False, how, ("it says: ESCAPED |",), 0.5)
    page = markdown([Report("landlock", "3.11", "2", (result,), "", 1.0)], ["date: now"], "command")
    row = next(line for line in page.splitlines() if line.startswith("| x |"))
    assert row.count("|") - row.count("\\|") == 4
    assert "<img>" not in page
    assert "\x1b" not in page
    assert "**NOT**" in row


@pytest.mark.slow
def test_the_command_makes_the_table_and_tells_a_wall_from_none(tmp_path: Path) -> None:
    page, folder = tmp_path / "docs" / "attacks.md", tmp_path / "programs"
    folder.mkdir()
    (folder / "gets-out.py").write_text("def main():\n    print('ESCAPED, or so it says')\n")
    (folder / "stays.py").write_text("raise ValueError('stays')\n")
    arguments = ["--sandbox", "none", "--programs", str(folder), "--markdown", str(page)]
    result = CliRunner().invoke(attack_command, arguments, standalone_mode=False)
    assert result.return_value == 0, result.output  # `none` is no wall
    assert "none: 1 of 2 contained; NOT: gets-out" in result.stdout
    text = page.read_text()
    assert "| gets-out | given | **NOT** · ok" in text
    assert "| stays | given | yes · error: ValueError: stays" in text
    assert "kernel: " in text


def test_a_wall_that_lets_one_out_makes_the_exit_code_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = ScriptedSandbox(lambda job: Outcome(status="ok", stdout="ESCAPED" * (job.source == "x")))
    program = Attack(name="x", category="x", source="x", statuses=ANY, timeout_s=1.0)
    monkeypatch.setattr("codegen_hpo.cli.attack._sandbox", lambda name: sandbox)
    monkeypatch.setattr("codegen_hpo.testing.attacks.ATTACKS", (program,))
    result = CliRunner().invoke(attack_command, ["--sandbox", "landlock"], standalone_mode=False)
    assert result.return_value == 1, result.output
    assert "NOT: x" in result.stdout
