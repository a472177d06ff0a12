"""The results page of `bench scripts`: milestones, tokens and cost, and what the values depend on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.milestones import Repeats
from codegen_hpo.bench.milestones_page import draw_trajectories, milestone_tables
from codegen_hpo.bench.script_tasks import installed
from codegen_hpo.bench.scripts import read_scripts
from codegen_hpo.bench.search import versions
from codegen_hpo.errors import reading
from codegen_hpo.space import Scalar
from codegen_hpo.table.example_tasks import TASKS

_NOTES = """\
- The tasks are small forms of those of arXiv 2402.01881, on other data, with other ranges where the paper's
  did not survive in the text that could be had; its table of results did not, either. No figure here can be
  held against it.
- All values are of validation data, the best of several looks at it, and so too good. The scripts hold out
  test data, which they score only with --test and which took no part here.
- `as shipped`: the configuration that comes with the task, one trial. No search begins with it. With one
  seed `random` and `tpe` begin with the same points, which one sampler draws.
- A script's own seed is the same in all trials: the runs differ in what the tuner proposes, not in how the
  script draws its weights. Differences within one standard deviation mean nothing with so few runs.
- A failed trial has no value and counts as spent. A cell such as "0.9 (2 of 3)" is the mean of the runs that
  had a value by then. Seconds are wall time, which depends on what else the machine did."""


_SCRIPTED = "scripted"  # what codegen_hpo.testing's server calls its model
_SCRIPTED_NOTE = """\
- The model `scripted` is no language model but a local search around the best trial in the prompt
  (`codegen_hpo.testing.ScriptAgent`). Its rows show that the agents' prompts tell what they must, not what a
  model would find. It draws nothing: a second run would be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptResults:
    """All finished searches of one benchmark, and how it was made."""

    facts: Mapping[str, Scalar]
    commands: tuple[str, ...]
    versions: Mapping[str, str]
    repeats: Repeats


def read_script_results(path: Path) -> ScriptResults:
    """The results in a benchmark's folder, or in the file beside its page. Raises ConfigError."""
    if path.is_file():
        with reading(path):
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return ScriptResults(
                facts=data["facts"],
                commands=tuple(data["commands"]),
                versions=data["versions"],
                repeats=Repeats.from_json(data),
            )
    about = BenchFolder(path).about()
    return ScriptResults(
        facts=about["facts"],
        commands=tuple(about["commands"]),
        versions=versions() | _library_versions(),
        repeats=read_scripts(path),
    )


def scripts_page(results: ScriptResults) -> str:
    """The page, without the figure."""
    typed = "\n".join(results.commands) or "(not recorded)"
    facts = [f"- {name}: {value}" for name, value in results.facts.items()]
    numbers = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    models = sorted({repeat.model for repeat in results.repeats.repeats if repeat.model})
    others = [model for model in models if model != _SCRIPTED]
    asked = f"- language models: {', '.join(others)}" if others else "- no language model took part"
    blocks = [
        "# Benchmark: scripts",
        f"Made by:\n\n```\n{typed}\n```",
        milestone_tables(results.repeats),
        f"{_NOTES}\n{_SCRIPTED_NOTE}" if _SCRIPTED in models else _NOTES,
        "\n".join([*facts, asked]),
        f"Versions: {numbers}.",
    ]
    return "\n\n".join(blocks) + "\n"


def write_scripts_page(results: ScriptResults, file: Path, *, plot: bool) -> list[Path]:
    """The files written: the page, beside it the JSON from which it can be made again, and the figure."""
    file.parent.mkdir(parents=True, exist_ok=True)
    data = file.with_suffix(".json")
    held = {
        "suite": "scripts",
        "facts": dict(results.facts),
        "commands": results.commands,
        "versions": dict(results.versions),
        **results.repeats.to_json(),
    }
    data.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    drawn = [draw_trajectories(results.repeats, file.with_suffix(".png"))] if plot else []
    pictures = "".join(f"\n![{path.stem}]({path.name})\n" for path in drawn)
    file.write_text(scripts_page(results) + pictures, encoding="utf-8")
    return [file, data, *drawn]


def _library_versions() -> dict[str, str]:
    """Of what the scripts import."""
    return {name: version(name) for task in TASKS for name in task.needs if installed(name)}
