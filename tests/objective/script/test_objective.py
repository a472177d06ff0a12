"""A script as an objective: what it gets, what is kept of it, and each way in which it can end."""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.base import Abandoned, Measured
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.trial_folder import read_log
from codegen_hpo.space import Float, Space
from codegen_hpo.store.folder import RunFolder, WriteError

WRITES = """
import json
config = json.load(open("c.json"))
print("trained at", config["lr"])
json.dump({"loss": config["lr"] * 2}, open("metrics.json", "w"))
"""


def measure(objective: ScriptObjective, lr: float = 0.25, number: int = 1) -> Measured:
    return objective.measure({"lr": lr}, number)


def test_the_script_reads_the_arguments_and_its_value_is_read(exp: Path, make_objective: Any) -> None:
    objective = make_objective(WRITES)
    measured = measure(objective)
    assert (measured.value, measured.outcome.status, measured.files) == (0.5, "ok", "trials/t001")
    kept = exp / "runs/r/trials/t001"
    assert json.loads((kept / "arguments.json").read_text()) == {"lr": 0.25}
    assert json.loads((kept / "work/c.json").read_text()) == {"lr": 0.25, "epochs": 5}
    assert json.loads((kept / "work/metrics.json").read_text()) == {"loss": 0.5}
    assert not (kept / "work/train.py").exists(), "what it left as it was is not kept"
    assert read_log(RunFolder(exp / "runs/r"), measured.files) == "--- stdout\ntrained at 0.25\n"
    assert json.loads((exp / "c.json").read_text()) == {"lr": 0.1, "epochs": 5}


def test_constants_are_edited_in_the_copy(exp: Path, make_objective: Any) -> None:
    code = "LR = 0.1  # step\nprint('value', LR * 2)\n"
    objective = make_objective(
        code, config="", constants="train.py", file="", space=Space({"LR": Float(0.0, 1.0)})
    )
    measured = objective.measure({"LR": 0.25}, 1)
    assert measured.outcome.status == "bad_result"
    assert (exp / "train.py").read_text() == code
    assert read_log(RunFolder(exp / "runs/r"), measured.files) == "--- stdout\nvalue 0.5\n"


def test_places_and_the_environment_name_what_lies_in_the_workspace(exp: Path, make_objective: Any) -> None:
    code = """
import json, os, sys
lr, folder, file = sys.argv[1:]
assert os.getcwd() == folder == os.environ["CODEGEN_HPO_FOLDER"] == os.environ["PWD"], (os.getcwd(), folder)
assert file == os.environ["CODEGEN_HPO_ARGUMENTS"]
assert json.load(open(file)) == {"lr": float(lr)}
print(lr)
"""
    objective = make_objective(code, options="{lr} {folder} {arguments}", config="", file="")
    assert measure(objective).value == 0.25, read_log(RunFolder(exp / "runs/r"), "trials/t001")


def test_a_value_of_an_earlier_run_is_not_read(exp: Path, make_objective: Any) -> None:
    (exp / "metrics.json").write_text('{"loss": 0.001}')
    measured = measure(make_objective("pass"))
    assert (measured.value, measured.outcome.status) == (None, "bad_result")
    assert "metrics.json" in measured.outcome.error
    assert (exp / "metrics.json").exists()


def test_what_a_killed_session_left_is_not_used(exp: Path, make_objective: Any) -> None:
    objective = make_objective(WRITES.replace("import json", "import json, os; os.mkdir('once')"))
    (exp / "runs/r/trials/t001/work/once").mkdir(parents=True)
    measured = measure(objective)
    assert (measured.value, measured.files) == (0.5, "trials/t001.1")
    assert measure(objective).files == "trials/t001.2"


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("1 / 0", "error", "exit code 1\nTraceback"),
        ("import os; os.kill(os.getpid(), 9)", "killed", "killed by SIGKILL"),
        ("raise MemoryError", "oom", "exit code 1, out of memory (MemoryError)"),
        ("raise RuntimeError('CUDA out of memory. Tried')", "oom", "out of memory (CUDA out of memory)"),
        ("import nowhere_else", "error", "the package nowhere_else is not installed where it runs"),
        ("print('done')", "bad_result", "metrics.json"),
        ("open('metrics.json', 'w').write('{\"loss\": NaN}')", "nan", "the value is nan"),
        ("raise SystemExit(137)", "error", "exit code 137"),
    ],
)
def test_a_script_that_gives_no_value_has_failed_with_its_reason(
    make_objective: Any, code: str, status: str, said: str
) -> None:
    measured = measure(make_objective(code))
    assert (measured.value, measured.outcome.status) == (None, status)
    assert said in measured.outcome.error
    assert len(measured.outcome.error) < 1500


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("'../data/x.csv'", "../data/x.csv is outside of the copy .* runs: name it by its whole path"),
        ("os.path.realpath('../x.csv')", "RUN/trials/t001/x.csv is outside of the copy .* whole path"),
        ("'data/x.csv'", "data/x.csv is not in the copy .* it is left out"),
        ("'data/y.csv'", "No such file or directory: 'data/y.csv'"),
        ("'/data/x.csv'", "No such file or directory: '/data/x.csv'"),
    ],
)
def test_a_file_that_only_the_copy_lacks_is_told_apart(
    exp: Path, make_objective: Any, name: str, said: str
) -> None:
    (exp / "data").mkdir()
    (exp / "data/x.csv").write_text("x")
    measured = measure(make_objective(f"import os; open({name})", leave_out=("data",)))
    assert measured.outcome.status == "error"
    assert re.search(f"{said}$", measured.outcome.error)


def test_no_path_of_this_machine_is_in_what_is_kept_of_a_script(
    exp: Path, make_objective: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(exp.parent))
    code = f"print({str(exp)!r}, {str(exp.parent)!r} + '/data')\nraise ValueError(__file__)"
    measured = measure(make_objective(code))
    log = read_log(RunFolder(exp / "runs/r"), measured.files)
    assert log.startswith("--- stdout\nORIGINAL ~/data\n")
    for text in (log, measured.outcome.error):
        assert "ValueError: ./train.py" in text
        assert 'File "./train.py", line 2' in text
        assert str(exp.parent) not in text


def test_a_script_that_is_edited_while_it_is_tuned_is_told_in_the_next_trial(
    exp: Path, make_objective: Any
) -> None:
    objective = make_objective(WRITES)
    first = measure(objective)
    (exp / "c.json").write_text('{"lr": 0.1, "epochs": 9}')
    (exp / "metrics.json").write_text('{"loss": 0.001}')
    second = measure(objective, number=2)
    assert len(first.code_hash) == 64
    assert second.code_hash == first.code_hash, "the configuration of the beginning and no result are read"
    assert second.outcome.notes == ()
    (exp / "train.py").write_text(WRITES + "# another")
    (exp / "new.py").touch()
    third, fourth = measure(objective, number=3), measure(objective, number=4)
    assert third.outcome.notes == (
        "the script's folder is not as it was in the trial before: train.py has changed, new.py is new",
    )
    assert third.code_hash == fourth.code_hash != first.code_hash
    assert fourth.outcome.notes == ()


def test_a_search_does_not_go_on_with_another_script_unasked(exp: Path, make_objective: Any) -> None:
    run = RunFolder.at(exp / "runs/r")
    run.record("trial", "t001", {"code_hash": measure(make_objective(WRITES)).code_hash}, 0.0)
    (exp / "c.json").write_text('{"lr": 0.7, "epochs": 5}')
    (exp / "notes.txt").touch()
    make_objective(WRITES).require_unchanged()
    (exp / "c.json").write_text('{"lr": 0.1, "epochs": 9}')
    changed = make_objective(WRITES + "# another")
    with pytest.raises(ConfigError, match=r"c\.json has changed, train\.py has changed") as caught:
        changed.require_unchanged()
    assert "--here" in caught.value.hint
    (note,) = measure(changed, number=2).outcome.notes
    assert note.endswith("c.json has changed, train.py has changed, notes.txt is new")


def test_what_a_mailed_run_says_of_its_script_is_not_believed(exp: Path, make_objective: Any) -> None:
    run = RunFolder.at(exp / "runs/r")
    run.record("trial", "t001", {"code_hash": measure(make_objective(WRITES)).code_hash}, 0.0)
    (listing,) = (exp / "runs/r/sources").iterdir()
    listing.write_text('{"train.py": "0"}')
    make_objective(WRITES).require_unchanged()
    with pytest.raises(ConfigError, match="what it was is not recorded"):
        make_objective(WRITES + "# another").require_unchanged()


def test_a_script_that_hangs_is_killed_and_its_trajectory_is_kept(make_objective: Any) -> None:
    code = """
import time
with open("metrics.csv", "w") as file:
    file.write("epoch,loss\\n1,0.5\\n2,0.25\\n")
time.sleep(60)
"""
    outcome = measure(make_objective(code, timeout_s=1.5, file="metrics.csv")).outcome
    assert (outcome.status, outcome.error) == ("timeout", "stopped after 1.5 s")
    (series,) = outcome.trajectory
    assert (series.name, series.steps, series.values) == ("loss", (1.0, 2.0), (0.5, 0.25))


def test_a_script_that_fills_the_disk_is_stopped(make_objective: Any) -> None:
    code = """
import time
with open("big", "wb") as file:
    while True:
        file.write(bytes(1 << 20)); file.flush(); time.sleep(0.005)
"""
    outcome = measure(make_objective(code, disk_bytes=8 << 20)).outcome
    assert outcome.status == "killed"
    assert outcome.error.startswith("stopped: it wrote more than 8 MiB to the disk")


def test_a_program_that_cannot_be_run_is_a_fault_of_the_host(exp: Path, make_objective: Any) -> None:
    (exp / "run.sh").write_text("#!/no/such/interpreter\n")
    (exp / "run.sh").chmod(0o755)
    with pytest.raises(ConfigError, match=r"cannot be started: '\./run\.sh'"):
        measure(make_objective("", command="./run.sh"))


def hashes(folder: Path) -> dict[str, str]:
    """Everything in a folder but the run, with its mode."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith("runs"):
            content = os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
            digest = hashlib.sha256(repr((path.lstat().st_mode, path.lstat().st_mtime_ns, content)).encode())
            found[name] = digest.hexdigest()
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import shutil, os; shutil.rmtree(os.getcwd())",
        "import os; [os.chmod(name, 0) for name in ['c.json', 'lib', 'train.py', '.']]",
        "open('c.json', 'w').write('{}'); open('train.py', 'a').write('1/0'); open('lib/a.py', 'w').close()",
        "import os; os.remove('c.json'); os.symlink('/etc/passwd', 'c.json'); os.mkfifo('metrics.json')",
        "import os; here = os.getcwd(); os.chdir('..'); os.rename(here, 'moved'); os.symlink('..', here)",
    ],
)
def test_no_script_changes_the_original(exp: Path, make_objective: Any, code: str) -> None:
    (exp / "lib").mkdir()
    (exp / "lib/a.py").write_text("A = 1")
    (exp / "again.py").symlink_to("train.py")
    (exp / "here").symlink_to(exp)
    objective = make_objective(code)
    before = hashes(exp)
    measured = measure(objective)
    assert (measured.value, measured.outcome.status) == (None, "bad_result")
    assert hashes(exp) == before


def test_a_script_that_rewrites_its_configuration_changes_no_record(exp: Path, make_objective: Any) -> None:
    code = """
import json, os
json.dump({"lr": 0.9}, open("c.json", "w"))
json.dump({"lr": 0.9}, open(os.environ["CODEGEN_HPO_ARGUMENTS"], "w"))
json.dump({"loss": 1}, open("metrics.json", "w"))
"""
    objective = make_objective(code)
    measured = measure(objective)
    assert (measured.value, measured.outcome.status) == (None, "bad_result")
    assert (
        "changed c.json, which holds its arguments: lr is 0.9 in it, and was 0.25" in measured.outcome.error
    )
    assert json.loads((exp / "runs/r/trials/t001/arguments.json").read_text()) == {"lr": 0.25}


def test_a_script_may_complete_its_configuration(make_objective: Any) -> None:
    code = WRITES + "json.dump({'seed': 3, **config, 'epochs': 50}, open('c.json', 'w'), indent=4)"
    assert measure(make_objective(code)).value == 0.5


def test_scripts_at_once_share_nothing(exp: Path, make_objective: Any) -> None:
    code = """
import json, os, time
assert not os.path.exists("mine"), "another trial was here"
open("mine", "w").close()
time.sleep(0.5)
lr = json.load(open("c.json"))["lr"]
json.dump({"loss": lr}, open("metrics.json", "w"))
"""
    objective = make_objective(code)
    values: dict[int, float | None] = {}

    def work(number: int) -> None:
        values[number] = measure(objective, number / 10, number).value

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4}


def test_scripts_under_way_end_at_once_when_they_are_abandoned(exp: Path, make_objective: Any) -> None:
    objective = make_objective("import time; open('begun', 'w').close(); time.sleep(60)", timeout_s=None)
    raised: list[type[BaseException]] = []

    def work() -> None:
        try:
            measure(objective)
        except Abandoned as error:
            raised.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    while not (exp / "runs/r/trials/t001/work/begun").exists():
        assert thread.is_alive()
        time.sleep(0.02)
    objective.abandon()
    thread.join(20)
    assert raised == [Abandoned]


class Contained:
    """A runner whose scripts see their workspace elsewhere."""

    notice = "there is no GPU"

    def __init__(self, ended: Ended) -> None:
        self.ended = ended
        self.told: tuple[list[str], Mapping[str, str], int | None] | None = None

    def seen_as(self, folder: Path) -> str:
        return "/work"

    def run(self, words: Any, environment: Any, timeout_s: Any, started: Any, **limits: Any) -> Ended:
        self.told = (words, environment, limits["disk_bytes"])
        assert limits["folder"].is_absolute()
        return self.ended


def test_a_container_is_told_its_own_paths_and_may_run_out_of_memory(make_objective: Any) -> None:
    runner = Contained(Ended(None, "", "", b"", b"", "memory"))
    objective = make_objective(
        "", options="{folder} {arguments}", runner=runner, sandbox="docker", disk_bytes=5
    )
    outcome = measure(objective).outcome
    assert outcome.status == "oom"
    assert outcome.error == "stopped: it used more memory than its container may have"
    assert outcome.notes == ("there is no GPU",)
    assert runner.told is not None
    words, environment, disk_bytes = runner.told
    file = "/work/codegen-hpo-arguments.json"
    assert words[-2:] == ["/work", file]
    assert environment == {"CODEGEN_HPO_FOLDER": "/work", "CODEGEN_HPO_ARGUMENTS": file, "PWD": "/work"}
    assert disk_bytes == 5


def test_what_does_not_fit_is_told_before_the_first_trial(exp: Path, make_objective: Any) -> None:
    with pytest.raises(ConfigError, match="has no rate"):
        make_objective(WRITES, space=Space({"rate": Float(0.0, 1.0)}))
    with (exp / "data.bin").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ConfigError, match="too large to be copied"):
        make_objective(WRITES)
    make_objective(WRITES, leave_out=("*.bin",))


def test_a_full_disk_is_told_as_one(exp: Path, make_objective: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = make_objective(WRITES)

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copy2", full)
    with pytest.raises(WriteError):
        measure(objective)
