"""The gates in a process of their own: a text that kills or stalls a parser is a finding."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from codegen_hpo.contract import apart, read_candidate, read_candidate_apart
from codegen_hpo.errors import SandboxError

RECIPES = sorted((Path(apart.__file__).parents[1] / "author" / "recipes").glob("*.py"))


def first(statements):
    """What a checker is started with, some statements before the rest."""
    return apart._START.replace("= sys.argv[1:]; ", f"= sys.argv[1:]; {statements}; ")


@pytest.fixture
def changed(monkeypatch):
    """Starts checkers that run some statements first; the usual one is back after the test."""
    usual = apart._START

    def change(statements):
        apart._end()
        monkeypatch.setattr(apart, "_START", usual)
        monkeypatch.setattr(apart, "_START", first(statements))

    yield change
    apart._end()


# the parsers meet the text as it is: nothing was measured before
UNGUARDED = (
    "import ast; from codegen_hpo.contract import read, syntax; read.text_findings = lambda source: []; "
    "read.read_syntax = lambda source: syntax.Syntax(ast.Module([], []), [])"
)


def read(source):
    return read_candidate_apart(source, name="c01", author="test")


DEADLY = {
    "parentheses": "(" * 1500 + ")" * 1500,
    "many parentheses": "(" * 32_000 + ")" * 32_000,
    "a chain of and": "a" + " and a" * 8000,
    "a dotted import": "import a" + ".a" * 8000,
    "a sum": "a" + "+a" * 10_000,
    "calls of calls": "f" + "()" * 10_000,
    "subscripts of subscripts": "f" + "[0]" * 10_000,
    "attributes of attributes": "f" + ".a" * 10_000,
    "lambdas in lambdas": "x = " + "lambda: " * 5000 + "1",
    "signs": "x = " + "-" * 20_000 + "1",
    "conditions": "x = " + "a if b else " * 4000 + "c",
    "a row of strings": "x = " + '"" ' * 15_000,
    "comprehensions": "x = [x " + "for x in y " * 5000 + "]",
    "f-strings in f-strings": "x = " + "f'{" * 1000 + "1" + "}'" * 1000,
    "branches": "if a: pass\n" + "elif a: pass\n" * 4500,
    "alternatives": "match a:\n case " + "1|" * 15_000 + "1: pass\n",
    "patterns": "match a:\n case " + "[" * 90 + "]" * 90 + ": pass\n",
    "decorators": "@a\n" * 20_000 + "def f(): pass\n",
    "blocks": "".join(" " * depth + "if a:\n" for depth in range(300)) + " " * 300 + "pass\n",
    "type comments": "x = 1  # type: " + "[" * 30_000 + "\n",
    "a long number": "x = " + "9" * 60_000,
    "braces": "{" * 30_000,
    "stars": "f(" + "*" * 30_000 + "a)",
    "awaits": "await " * 10_000 + "a",
    "a dict of dicts": "x = " + "{1:" * 1000 + "1" + "}" * 1000,
}

QUICK = "from codegen_hpo.contract import checker; checker.CPU_S = 1"


@pytest.fixture(scope="module")
def unguarded_checker():
    """A checker whose parsers meet every text, and have a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apart, "_START", first(f"{QUICK}; {UNGUARDED}"))
        checker = apart._Checker()
    yield checker
    checker.end()


@pytest.fixture
def unguarded(unguarded_checker, monkeypatch):
    monkeypatch.setattr(apart, "_running", unguarded_checker)


@pytest.mark.parametrize("source", DEADLY.values(), ids=DEADLY.keys())
def test_a_deadly_text_is_a_finding_where_nothing_guards_the_parsers(unguarded, source):
    verdict = read(source)
    assert verdict.candidate is None
    assert verdict.findings


@pytest.mark.parametrize("name", ["parentheses", "a chain of and", "a dotted import", "a sum", "patterns"])
def test_the_parser_really_dies_of_it(unguarded, name):
    (finding,) = read(DEADLY[name]).findings
    assert finding.gate == "syntax"
    assert finding.rule in {"validator-died", "validator-timeout"}
    assert "too deeply nested or too large" in finding.message
    assert finding.hint


@pytest.mark.parametrize("source", DEADLY.values(), ids=DEADLY.keys())
def test_the_gates_refuse_a_deadly_text_themselves(source):
    rules = [finding.rule for finding in read(source).findings]
    assert rules
    assert not [rule for rule in rules if rule.startswith("validator")]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_verdict_is_that_of_the_gates(recipe):
    source = recipe.read_text()
    assert repr(read(source)) == repr(read_candidate(source, name="c01", author="test"))


@pytest.mark.parametrize("source", ["import os\n", "", "x = '\ud800'", "#" * 70_000, "é" * 40_000, "def f(:"])
def test_findings_are_those_of_the_gates(source):
    assert read(source) == read_candidate(source, name="c01", author="test")


@pytest.mark.parametrize(
    ("check", "rule", "says"),
    [
        ("bytes(8 << 30)", "validator-died", "its memory ran out"),
        ("max(iter(int, 1))", "validator-timeout", "was stopped"),
        ("1 / 0", "validator-died", "ZeroDivisionError"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", "validator-died", "its memory ran out"),
        ("__import__('os')._exit(7)", "validator-died", "ended"),
        ("bytes(2 << 20)", "validator-died", "too long an answer"),
        ("b'{}'", "validator-died", "cannot be read"),
        ('b\'{"findings": [], "title": "", "space": {"a": {"kind": "x"}}}\'', "validator-died", "read"),
    ],
)
def test_a_child_that_fails_in_any_way_is_one_finding(changed, check, rule, says):
    changed(f"{QUICK}; checker.check = lambda request: {check}")
    (finding,) = read("x = 1\n").findings
    assert finding.rule == rule
    assert says in finding.message


@pytest.mark.slow
def test_a_text_is_not_blamed_for_a_machine_that_is_busy(changed):
    waits = "was = checker.check; checker.check = lambda request: (time.sleep(1.2), was(request))[1]"
    changed(f"import time; {QUICK}; {waits}")
    assert "os is imported" in read("import os\n").findings[0].message


def test_a_machine_on_which_a_check_gets_nowhere_is_a_fault_of_the_host(changed):
    changed(f"import time; {QUICK}; checker.WALL_S = 0.2; checker.check = lambda _: time.sleep(60)")
    with pytest.raises(SandboxError, match=r"no answer in .* s: too little processor time") as raised:
        read("x = 1\n")
    assert raised.value.hint


@pytest.mark.slow
def test_a_checker_that_was_killed_is_replaced():
    before = read("import os\n")
    for number in (signal.SIGKILL, signal.SIGTERM):
        os.kill(apart._running._process.pid, number)
        assert read("import os\n") == before


def test_a_checker_that_cannot_start_is_a_fault_of_the_host(changed, monkeypatch):
    changed("raise RuntimeError('no disk')")
    with pytest.raises(SandboxError, match="no disk"):
        read("x = 1\n")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SandboxError, match="cannot be started"):
        read("x = 1\n")


@pytest.mark.slow
def test_an_interrupted_check_does_not_answer_for_the_next_text(changed):
    changed(
        "import time; from codegen_hpo.contract import checker; was = checker.check; "
        "checker.check = lambda request: (time.sleep(b'slow' in request), was(request))[1]"
    )
    read("x = 1\n")
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        read("slow = 1\n")
    assert "os is imported" in read("import os\n").findings[0].message


def test_threads_get_their_own_verdicts():
    named: dict[str, str] = {}

    def work(module: str) -> None:
        for _ in range(5):
            named[module] = read(f"import {module}\n").findings[0].message

    threads = [threading.Thread(target=work, args=(module,)) for module in ("os", "sys", "socket")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert named == {module: f"{module} is imported" for module in ("os", "sys", "socket")}


REPORT = (
    "import os, json; import codegen_hpo; from codegen_hpo.contract import checker; "
    "checker.check = lambda request: json.dumps({{'findings': [], 'space': {{}}, 'title': {title}}}).encode()"
)


def test_no_variable_of_the_user_and_no_open_file_is_in_the_child(changed, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    changed(REPORT.format(title="' '.join([*os.environ, *os.listdir('/proc/self/fd')])"))
    candidate = read("x = 1\n").candidate
    assert "LANG" in candidate.title
    assert "OPENAI" not in candidate.title
    assert (
        len([word for word in candidate.title.split() if word.isdigit()]) <= 6
    )  # 0-2, two pipes, the listing


HOST = """
from codegen_hpo.contract import apart
apart._START = apart._START.replace("sys.argv[1:]; ", "sys.argv[1:]; " + {statements!r} + "; ")
print(apart.read_candidate_apart("x = 1", name="c", author="t").candidate.title, flush=True)
"""


def test_the_child_finds_the_package_where_the_host_did(tmp_path):
    # as after `pip install --user`, or with PYTHONPATH: isolated mode alone would not look there
    (tmp_path / "codegen_hpo").symlink_to(Path(apart.__file__).parents[1])
    told = subprocess.run(
        [sys.executable, "-c", HOST.format(statements=REPORT.format(title="codegen_hpo.__file__"))],
        env={"PYTHONPATH": str(tmp_path)},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith(str(tmp_path))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_nothing_outlives_a_killed_host():
    stall = "import time; from codegen_hpo.contract import checker; checker.check = lambda _: time.sleep(60)"
    host = subprocess.Popen([sys.executable, "-c", HOST.format(statements=stall)], cwd="/")
    family = _wait_for(lambda: found if len(found := _descendants(host.pid)) == 2 else None)
    host.kill()
    host.wait()
    assert _wait_for(lambda: not any(map(_runs, family)))


def _wait_for(answer):
    deadline = time.monotonic() + 20
    while not (found := answer()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [found for child in children for found in (int(child), *_descendants(int(child)))]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
