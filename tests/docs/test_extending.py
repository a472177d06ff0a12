"""The code of the page on extending, run from top to bottom."""

from pathlib import Path

import pytest

PAGE = "extending.md"


@pytest.mark.slow
def test_the_code_of_the_page_runs(
    blocks, run_python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "extending"}
    for block in blocks(PAGE, "python"):
        run_python(PAGE, block, names)
