"""A run that came from elsewhere: what its folder says of itself is not believed."""

import json
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from codegen_hpo.author.cookbook import CookbookAuthor, is_recipe
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError, SandboxError
from codegen_hpo.fitting import fit
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.settings import Aim
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.run import Run
from codegen_hpo.space import Float, Space
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Task


@pytest.fixture(scope="module")
def finished(small_table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = Task.from_table(small_table, "y")
    runs = tmp_path_factory.mktemp("runs")
    return fit(
        task,
        cookbook=True,
        candidates=1,
        budget=Budget(trials=1),
        folds=1,
        parallel=1,
        trial_s=2.0,
        runs=runs,
        environ={},
    ).path


def test_only_a_recipe_to_the_letter_is_ours() -> None:
    source = CookbookAuthor(default_transform="log").source(3, "regression")
    assert is_recipe(source)
    assert not is_recipe(source + "\n")


@pytest.mark.slow
def test_a_changed_source_is_not_executed(finished: Path, small_table: pd.DataFrame, tmp_path: Path) -> None:
    source = finished / "candidates/c01/attempts/1/model.py"
    kept = source.read_bytes()
    source.write_bytes(kept + f"\nopen({str(tmp_path / 'written')!r}, 'w')\n".encode())
    try:
        with pytest.raises(ConfigError, match="its hash differs"):
            Run.open(finished).predict(small_table)
    finally:
        source.write_bytes(kept)
    assert not (tmp_path / "written").exists()


def test_a_run_with_foreign_code_that_claims_to_be_the_cookbook_gets_a_wall(
    finished: Path, small_table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    source = finished / "candidates/c01/attempts/1/model.py"
    events = finished / "events.jsonl"
    kept, log = source.read_bytes(), events.read_bytes()
    forged = kept + b"\n# not ours\n"
    old, new = (hashlib.sha256(text).hexdigest() for text in (kept, forged))
    source.write_bytes(forged)
    events.write_bytes(log.replace(old.encode(), new.encode()))
    try:
        with pytest.raises(SandboxError, match="without a sandbox") as caught:
            Run.open(finished).predict(small_table, sandbox="none")
        assert "--unsafe-no-sandbox" in caught.value.hint
    finally:
        source.write_bytes(kept)
        events.write_bytes(log)


def test_leaving_out_the_wall_is_never_inherited(finished: Path) -> None:
    log = (finished / "events.jsonl").read_text()
    settings = [json.loads(line)["data"] for line in log.splitlines() if '"kind": "settings"' in line]
    assert settings[0]["unsafe"] is False
    run = Run.open(finished)
    assert run._sandbox("none", unsafe=False).name == "none"  # a recipe needs no wall


def test_a_key_is_not_sent_to_an_address_that_only_the_folder_names(finished: Path, tmp_path: Path) -> None:
    events = finished / "events.jsonl"
    log = events.read_text()
    events.write_text(
        log.replace('"author": "cookbook"', '"author": "llm:m"', 1)
        .replace('"model": ""', '"model": "m"', 1)
        .replace('"endpoint": ""', '"endpoint": "https://elsewhere.example/v1"', 1)
    )
    try:
        with pytest.raises(ConfigError, match=r"elsewhere\.example") as caught:
            Run.open(finished).resume(trials=2, environ={"OPENAI_API_KEY": "sk-x"})
        assert "--base-url https://elsewhere.example/v1" in caught.value.hint
    finally:
        events.write_text(log)


@pytest.mark.parametrize(
    ("sandbox", "how"), [("docker", "in a container"), ("none", "as you and without a sandbox")]
)
def test_another_sandbox_for_a_script_is_refused_with_the_one_that_it_has(
    tmp_path: Path, sandbox: Literal["docker", "none"], how: str
) -> None:
    script = Script(command="python train.py {lr}", source=ValueSource(metric="loss"), sandbox=sandbox)
    aim = Aim(space=Space({"lr": Float(0.0, 1.0)}), script=script)
    folder = RunFolder.at(tmp_path / "r")
    folder.record("objective", "", aim.to_json() | {"versions": {}}, 0.0)
    with pytest.raises(ConfigError, match=f"sandbox is given, .* it runs {how}, with"):
        Run(folder).resume(sandbox="none", trust_command=True)
