"""`show`: what a run's folder holds, in plain characters and plain words."""

from typing import Any

import pytest

from codegen_hpo.cli.show import _print_attempts, _print_exchanges


def test_a_forged_exchange_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "\x1b]0;title\x07"
    row: dict[str, Any] = {
        "about": f"tune/1{bad}",
        "request": {"purpose": f"propose{bad}", "messages": [{"role": f"user{bad}", "content": bad}]},
        "reply": {"finish": bad, "seconds": 1.0, "text": bad, "call": {"name": bad, "arguments": bad}},
    }
    _print_exchanges([row])
    out = capsys.readouterr().out
    assert "== tune/1" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_findings_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    row: dict[str, Any] = {"candidate": "c01", "attempt": 1, "file": "model.py", "frame": ""}
    _print_attempts([row | {"findings": [{}] * count} for count in (0, 1, 2)])
    said = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["passed every gate  (model.py)", "1 finding  (model.py)", "2 findings  (model.py)"]
