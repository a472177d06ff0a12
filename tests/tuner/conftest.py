"""What the tests of the prompts share: the golden files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.llm.messages import Request


@pytest.fixture
def check_golden() -> Callable[[str, Request], None]:
    """Compares a request's messages with a file that was read by a person."""

    def check(name: str, request: Request) -> None:
        text = "".join(f"===== {message.role}\n{message.content}\n" for message in request.messages)
        file = Path(__file__).parent / "golden" / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 accepts the change"

    return check
