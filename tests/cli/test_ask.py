"""`ask` on the command line, through a real client."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.testing import ScriptedServer, replies
from codegen_hpo.testing.replies import Scripted

SPACE = '[x]\ntype = "float"\nlow = -1\nhigh = 1\ndefault = 0.5\n'
SCRIPT = "import sys\nx = float(sys.argv[2])\nprint(x * x if x >= 0.5 else 'nan')\n"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(program: Cli, tmp_path: Path) -> Cli:
    """The program, beside a run of five trials."""
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "script.py").write_text(SCRIPT)
    command = f"{sys.executable} -S script.py"
    program("tune", "space.toml", "--command", command, "--trials", "5", "--tuner", "random", "-q")
    return program


def detective(request: Mapping[str, Any]) -> Scripted:
    """A model that looks up the first trial without a value, and answers from what it then reads."""
    told = "\n".join(message["content"] for message in request["messages"])
    failed = re.search(r"^(t\d+) \[event (\d+)\].*failed \(", told, re.MULTILINE)
    assert failed, told
    if "the error:" not in told:
        return replies.call({"trial": failed[1], "part": "facts", "from_line": 0}, name="read_trial")
    said = {"text": f"{failed[1]} printed nan.\x1b[2J", "certain": True}
    return replies.call(said, trials=[failed[1]], events=[int(failed[2])], name="answer")


def test_an_answer_is_printed_with_its_facts_and_its_cost(cli: Cli) -> None:
    with ScriptedServer(detective) as server:
        code, out, err = cli("ask", "latest", "why nan?", "--base-url", server.base_url, "--price", "1,2")
    assert (code, err) == (0, "")
    assert re.search(r"t00\d printed nan\.", out)
    assert "\x1b" not in out
    assert "It rests on:" in out
    assert re.search(r't00\d \[event \d+\] "by random": {"x": ', out)
    assert re.search(r'event \d+: "trial" "t00\d"', out)
    assert "Model: 2 requests" in out
    assert "USD" in out


def test_the_same_as_json(cli: Cli) -> None:
    with ScriptedServer(detective) as server:
        code, out, _ = cli("ask", "latest", "why nan?", "--base-url", server.base_url, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["question"] == "why nan?"
    assert data["certain"] is True
    assert [set(row) for row in (*data["trials"], *data["events"])] == [{"name", "facts"}] * 2
    assert data["ledger"]["by_purpose"]["ask"]["requests"] == 2
    assert data["ledger"]["cost_usd"] is None


def test_an_uncertain_answer_and_its_unknown_numbers_are_told(cli: Cli) -> None:
    said = {"text": "Perhaps 77.7 helps.", "trials": [], "events": [], "certain": False}
    with ScriptedServer([replies.call(said, name="answer")]) as server:
        _, out, _ = cli("ask", "latest", "and now?", "--base-url", server.base_url)
    assert "Perhaps 77.7 [not in the log] helps." in out
    assert "the record does not tell this for certain" in out
    assert "Numbers that the model was not shown: 77.7" in out
    assert "It names nothing of the record" in out


def test_without_a_usable_answer_the_exit_code_and_the_reason_say_so(cli: Cli) -> None:
    with ScriptedServer([replies.text("No idea.")] * 2) as server:
        code, out, err = cli("ask", "latest", "why?", "--base-url", server.base_url, "--steps", "2")
    assert code == 1
    assert "no usable answer: not finished after 2 steps" in err
    assert "Model: 2 requests" in out


def test_the_budget_of_tokens_ends_the_questioning(cli: Cli) -> None:
    with ScriptedServer(detective) as server:
        code, _, err = cli("ask", "latest", "why?", "--base-url", server.base_url, "--max-tokens", "10")
        assert len(server.requests) == 1
    assert code == 1
    assert "of 10 tokens are spent" in err


def test_without_an_endpoint_a_run_or_a_question_the_error_says_what_to_do(cli: Cli) -> None:
    code, _, err = cli("ask", "latest", "why?")
    assert code == 3
    assert "no endpoint is configured" in err
    assert "OPENAI_API_KEY" in err
    code, _, err = cli("ask", "nothing", "why?")
    assert code == 3
    assert "no run 'nothing'" in err
    code, _, err = cli("ask", "latest", " ")
    assert code == 2
    assert "the question is empty" in err
