"""`show`: what a run's folder holds is printed without its control characters."""

from typing import Any

import pytest

from codegen_hpo.cli.show import _print_exchanges


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
