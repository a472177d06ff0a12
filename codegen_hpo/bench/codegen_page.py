"""The results of `bench codegen`: test loss against evaluations for each arm, as tables and as a plot."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bench.codegen import ARMS, RANDOM, Course, read_course
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.plots import load_pyplot
from codegen_hpo.bench.statistics import Interval, bootstrap_interval
from codegen_hpo.bench.summary import table
from codegen_hpo.errors import reading
from codegen_hpo.space import Scalar

_DRAWS = 1000  # runs of random search that are resampled from the pool
_BUDGETS = (5, 10)

_NOTES = """\
- Lowest test loss: the paper's figure. It looks at the test rows of every trial and keeps the lowest, which
  nobody can do who has to choose a model; it flatters long searches.
- Test loss of the choice: of the trial that had the best validation loss so far. This is what a user gets.
- The arms of one seed share one split. Intervals: 95 %, bootstrap over seeds; for random configurations,
  the 2.5 and 97.5 % points of runs resampled from the pool with replacement.
- The paper's table 4 did not survive in the text that could be had, nor did its space: no figure here can be
  held against it.
- A trial that failed, or whose model could not predict the test rows, has none; it counts as spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """All finished courses of one benchmark."""

    facts: Mapping[str, Scalar]
    commands: tuple[str, ...]
    courses: tuple[Course, ...]

    @property
    def budget(self) -> int:
        return int(self.facts["budget"])

    @property
    def by_arm(self) -> dict[str, list[Course]]:
        names = [arm.name for arm in ARMS]
        ordered = sorted(self.courses, key=lambda course: (names.index(course.arm), course.seed))
        return {arm: list(group) for arm, group in groupby(ordered, key=lambda course: course.arm)}


def read_courses(path: Path) -> Courses:
    """The courses in a benchmark's folder, or in the file beside its page. Raises ConfigError."""
    if path.is_file():
        with reading(path):
            data = json.loads(path.read_text(encoding="utf-8"))
            found = tuple(Course.from_json(course) for course in data["courses"])
            return Courses(facts=data["facts"], commands=tuple(data["commands"]), courses=found)
    about = BenchFolder(path).about()
    found = tuple(read_course(file) for file in sorted((path / "courses").glob("*.json")))
    return Courses(facts=about["facts"], commands=tuple(about["commands"]), courses=found)


def write_codegen_page(courses: Courses, file: Path, *, plot: bool) -> list[Path]:
    """The files written: the page, beside it one JSON file from which it can be made again, and the plot."""
    file.parent.mkdir(parents=True, exist_ok=True)
    data = file.with_suffix(".json")
    data.write_text(json.dumps({"suite": "codegen"} | asdict(courses), indent=1) + "\n", encoding="utf-8")
    drawn = [draw_courses(courses, file.with_suffix(".png"))] if plot else []
    pictures = "".join(f"\n![{path.stem}]({path.name})\n" for path in drawn)
    file.write_text(codegen_page(courses) + pictures, encoding="utf-8")
    return [file, data, *drawn]


def codegen_page(courses: Courses) -> str:
    """Tables of the arms: lowest test loss and that of the choice, within 5 and 10 and step by step."""
    budget, by_arm = courses.budget, courses.by_arm
    lowest, chosen = (
        {arm: _runs(arm, found, budget, choose=choose) for arm, found in by_arm.items()}
        for choose in (False, True)
    )
    marks = [mark for mark in _BUDGETS if mark <= budget] or [budget]
    head = ["arm", *(f"{what}, {n}" for what in ("lowest test loss", "choice") for n in marks), "seeds"]
    rows = [
        [arm, *(_cell(arm, runs[arm][:, n - 1]) for runs in (lowest, chosen) for n in marks), _size(found)]
        for arm, found in by_arm.items()
    ]
    steps = [[str(n), *(_cell(arm, chosen[arm][:, n - 1]) for arm in by_arm)] for n in range(1, budget + 1)]
    missing = [arm.name for arm in ARMS if arm.name not in by_arm]
    versions = courses.courses[0].versions if courses.courses else {}
    typed = "\n".join(courses.commands)
    blocks = [
        "# Benchmark: codegen",
        f"Made by:\n\n```\n{typed}\n```",
        f"Left out, as no language model was configured: {', '.join(missing)}." if missing else "",
        f"Loss: {courses.facts['metric']}, signed so that lower is better.",
        table(head, rows),
        "Test loss of the choice, by evaluations.",
        table(["evaluations", *by_arm], steps),
        _NOTES,
        "\n".join(f"- {name}: {value}" for name, value in courses.facts.items()),
        "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def draw_courses(courses: Courses, file: Path) -> Path:
    """The PNG of the test loss of the choice against evaluations. Raises ConfigError without matplotlib."""
    pyplot = load_pyplot()
    figure, panel = pyplot.subplots(figsize=(6.5, 4.2))
    evaluations = np.arange(1, courses.budget + 1)
    for arm, found in courses.by_arm.items():
        runs = _runs(arm, found, courses.budget, choose=True)
        low, high = np.array([_bounds(arm, column) for column in runs.T]).T
        mean = np.where(np.isfinite(runs).all(axis=0), runs.mean(axis=0), np.nan)
        (line,) = panel.plot(evaluations, mean, label=arm)
        panel.fill_between(evaluations, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    panel.set(xlabel="evaluations", ylabel=f"test {courses.facts['metric']} of the choice so far, as a loss")
    panel.set_title("mean and 95 % interval", fontsize=10)
    panel.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    pyplot.close(figure)
    return file


def _runs(arm: str, courses: Sequence[Course], budget: int, *, choose: bool) -> NDArray[np.float64]:
    """The test loss after each evaluation: (runs, budget), infinite until there is one."""
    losses = [
        (
            [np.inf if step.validation is None else step.validation for step in course.steps],
            [np.inf if step.test is None else step.test for step in course.steps],
        )
        for course in courses
    ]
    if arm == RANDOM:
        validation, test = (np.array(column) for column in losses[0])
        picked = np.random.default_rng(0).integers(len(test), size=(_DRAWS, budget))
        seen, tested = validation[picked], test[picked]
    else:
        seen, tested = (np.array([_filled(pair[i], budget) for pair in losses]) for i in (0, 1))
    if not choose:
        return np.minimum.accumulate(tested, axis=1)
    # the first trial with the lowest validation loss up to each step
    best = np.array([[int(np.argmin(row[: n + 1])) for n in range(budget)] for row in seen])
    course: NDArray[np.float64] = np.take_along_axis(tested, best, axis=1)
    return course


def _filled(losses: Sequence[float], budget: int) -> list[float]:
    """A search that ended early found nothing more."""
    return [*losses[:budget], *[np.inf] * (budget - len(losses))]


def _cell(arm: str, values: NDArray[np.float64]) -> str:
    low, high = _bounds(arm, values)
    return "–" if np.isnan(low) else f"{values.mean():.4g} [{low:.4g}, {high:.4g}]"


def _bounds(arm: str, values: NDArray[np.float64]) -> Interval:
    """The interval of the mean; of the resampled runs for the pool. NaN where a run has no loss yet."""
    if np.isinf(values).any():
        return Interval(np.nan, np.nan)
    if arm == RANDOM:
        low, high = np.quantile(values, [0.025, 0.975])
        return Interval(float(low), float(high))
    return bootstrap_interval(values.tolist())


def _size(courses: Sequence[Course]) -> str:
    return f"pool of {len(courses[0].steps)}" if courses[0].arm == RANDOM else str(len(courses))
