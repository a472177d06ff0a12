"""codegen-hpo bench toy, sklearn, codegen and report"""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.parameters import Columns, Duration, columns_option, sandbox_options

if TYPE_CHECKING:
    from codegen_hpo.bench.cell import Search
    from codegen_hpo.bench.problem import Suite
    from codegen_hpo.bench.search import Means
    from codegen_hpo.llm.endpoint import Endpoint

_FOLDER = click.Path(path_type=Path, file_okay=False)


def _search_options(command: Any) -> Any:
    """What the benchmarks of tuners share."""
    options = [
        click.option(
            "--tuners", type=Columns(), default="random,tpe", show_default=True, help="Comma-separated."
        ),
        click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="0 to N - 1."),
        click.option("--budget", type=click.IntRange(1), default=10, show_default=True, help="Evaluations."),
        click.option("--problems", type=Columns(), default="", help="Only those whose name begins so."),
        click.option("--jobs", type=click.IntRange(1), help="Processes; by default one a core."),
        click.option("--out", type=_FOLDER, help="Where it is kept and resumed; ./benchmarks/NAME."),
        click.option("--model", help="The language model, for tuners that ask one."),
        click.option("--base-url", help="An OpenAI-compatible endpoint; else OPENAI_BASE_URL."),
        click.option("--history", type=click.Choice(["chat", "compressed"]), default="compressed"),
        click.option("--reasoning", is_flag=True, help="A short analysis with each of the model's calls."),
        click.option("--plot", is_flag=True, help="Also draw, into OUT/plots."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("toy")
@_search_options
@click.option(
    "--framing",
    type=click.IntRange(0, 3),
    multiple=True,
    default=(2,),
    show_default=True,
    help="The task in words, for a model: 0 a black box, 1 with the budget, 2 as hyperparameter tuning, "
    "3 and deterministic. May be repeated.",
)
def toy(framing: tuple[int, ...], **given: Any) -> None:
    """Ten landscapes of two variables: the best value that each tuner finds."""
    from codegen_hpo.bench.toy import ToySuite

    _run(ToySuite(), given, framings=framing)


@click.command("sklearn")
@_search_options
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), help="titanic.csv and others."
)
@click.option("--openml", is_flag=True, help="HPOBench's first eight tasks, from openml.org.")
@click.option(
    "--pool", type=click.IntRange(1), default=100, show_default=True, help="Random points a problem."
)
@click.option(
    "--limit",
    "limit_s",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="Processor time of an evaluation, seconds.",
)
def sklearn(data: Path | None, openml: bool, pool: int, limit_s: float, **given: Any) -> None:
    """Four scikit-learn models on eight tables: each tuner's validation error against random search."""
    from codegen_hpo.bench.sklearn import SklearnSuite

    if data is None and not openml:
        click.echo("without --data there are only the four tables that scikit-learn brings", err=True)
    _run(SklearnSuite(data=data, openml=openml, limit_s=limit_s), given, pool=pool)


@click.command("codegen")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The column to predict, such as fare.")
@columns_option("--drop", "Columns to leave out, comma-separated.")
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Searches an arm.")
@click.option("--budget", type=click.IntRange(1), default=10, show_default=True, help="Evaluations.")
@click.option("--pool", type=click.IntRange(1), default=200, show_default=True, help="Random configurations.")
@click.option("--trial-time", type=Duration(), default="5m", show_default=True, help="Training of one trial.")
@click.option("--out", type=_FOLDER, help="Where it is kept and resumed; ./benchmarks/codegen.")
@click.option("--model", help="The language model.")
@click.option("--base-url", help="An OpenAI-compatible endpoint; else OPENAI_BASE_URL.")
@sandbox_options
@click.option("--plot", is_flag=True, help="Also draw, into OUT.")
def codegen(data: Path, target: str, drop: tuple[str, ...], **given: Any) -> None:
    """A generated function against random and model-chosen configurations of a fixed one, on your table."""
    from codegen_hpo.bench.codegen import ARMS, Conditions, present, run_codegen
    from codegen_hpo.bench.codegen_page import codegen_page, draw_courses, read_courses
    from codegen_hpo.bench.plots import load_pyplot
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.task import Task

    if given["plot"]:
        load_pyplot()
    endpoint = Endpoint.resolve(base_url=given["base_url"], model=given["model"], environ=os.environ)
    for arm in ARMS:
        if arm not in present(endpoint):
            click.echo(f"left out: {arm.name}: no language model is configured", err=True)
    conditions = Conditions(
        budget=given["budget"],
        pool=given["pool"],
        endpoint=endpoint,
        sandbox=given["sandbox"],
        unsafe=given["unsafe"],
        trial_s=given["trial_time"],
    )
    folder = given["out"] or Path("benchmarks") / "codegen"
    task = Task.from_table(data, target, drop=drop)
    for course in run_codegen(task, folder, conditions, seeds=given["seeds"], command=typed(endpoint)):
        click.echo(f"{course.arm}, seed {course.seed}: done", err=True)
    courses = read_courses(folder)
    click.echo(codegen_page(courses))
    if given["plot"]:
        click.echo(draw_courses(courses, folder / "codegen.png"))


@click.command("report")
@click.argument("results", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A Markdown file.")
@click.option("--plot", is_flag=True, help="Also draw, beside the page.")
def report(results: Path, output: Path | None, plot: bool) -> None:
    """The results page of a benchmark: of its folder, or of the JSON beside an earlier page.

    With -o the page is written with one JSON file of all results beside it.
    """
    from codegen_hpo.bench.codegen_page import codegen_page, read_courses, write_codegen_page
    from codegen_hpo.bench.report import write_page
    from codegen_hpo.bench.results import read_results, suite_of
    from codegen_hpo.bench.scripts_page import read_script_results, scripts_page, write_scripts_page
    from codegen_hpo.bench.summary import page

    text: str
    write: Callable[..., list[Path]]
    suite = suite_of(results)
    if suite == "codegen":
        courses = read_courses(results)
        text, write = codegen_page(courses), partial(write_codegen_page, courses)
    elif suite == "scripts":
        runs = read_script_results(results)
        text, write = scripts_page(runs), partial(write_scripts_page, runs)
    elif suite == "peers":
        text, write = _peers(results)
    elif suite == "ablation":
        text, write = _ablation(results)
    elif suite == "loop":
        text, write = _loop(results)
    elif suite == "scale":
        text, write = _scale(results)
    elif suite in ("tokens", "overhead", "workers"):
        text, write = _plain(results, suite)
    else:
        found = read_results(results)
        text, write = page(found), partial(write_page, found)
    if output is None:
        click.echo(text)
    else:
        for path in write(output, plot=plot):
            click.echo(path)


def _peers(results: Path) -> tuple[str, Callable[..., list[Path]]]:
    from codegen_hpo.bench.peers.page import page
    from codegen_hpo.bench.peers.results import read_results

    found = read_results(results)
    return _written(found.to_json(), page(found))


def _ablation(results: Path) -> tuple[str, Callable[..., list[Path]]]:
    from codegen_hpo.bench.ablation.page import page
    from codegen_hpo.bench.ablation.results import read_results

    found = read_results(results)
    return _written(found.to_json(), page(found))


def _loop(results: Path) -> tuple[str, Callable[..., list[Path]]]:
    from codegen_hpo.bench.loop.measure import read_loops
    from codegen_hpo.bench.loop.page import page

    found = read_loops(results)
    return _written(found.to_json(), page(found))


def _scale(results: Path) -> tuple[str, Callable[..., list[Path]]]:
    from codegen_hpo.bench import scale
    from codegen_hpo.bench.data_page import read_data, write_page

    data = read_data(results)

    def write(file: Path, *, plot: bool) -> list[Path]:
        picture = file.with_suffix(".png") if plot else None
        files = write_page(data, scale.page(data, picture), file)
        if picture:
            scale.plot(data, picture)
            files.append(picture)
        return files

    return scale.page(data), write


def _plain(results: Path, suite: str) -> tuple[str, Callable[..., list[Path]]]:
    from codegen_hpo.bench import fit_overhead, tokens_page, workers
    from codegen_hpo.bench.data_page import read_data

    data = read_data(results)
    pages = {"tokens": tokens_page.token_page, "overhead": fit_overhead.page, "workers": workers.page}
    return _written(data, pages[suite](data))


def _written(data: Mapping[str, Any], text: str) -> tuple[str, Callable[..., list[Path]]]:
    """The page, and what writes it with its data."""
    from codegen_hpo.bench.data_page import write_page

    return text, lambda file, *, plot: write_page(data, text, file)


def _run(suite: "Suite", given: dict[str, Any], *, framings: Sequence[int] = (), pool: int = 0) -> None:
    from codegen_hpo.bench.benchmark import cells_of, choose_tuners, run_benchmark
    from codegen_hpo.bench.folder import BenchFolder
    from codegen_hpo.bench.plots import draw, load_pyplot
    from codegen_hpo.bench.results import read_results
    from codegen_hpo.bench.summary import page

    if given["plot"]:
        load_pyplot()  # better told now than after an hour
    means = _means(given)
    tuners = choose_tuners(given["tuners"], has_model=means.endpoint is not None)
    for name in tuners.left_out:
        click.echo(f"left out: {name}: it needs a language model, and none is configured", err=True)
    cells = list(
        cells_of(
            _problems(suite, given["problems"]),
            tuners.present,
            seeds=given["seeds"],
            budget=given["budget"],
            framings=framings,
            pool=pool,
        )
    )
    folder = BenchFolder(given["out"] or Path("benchmarks") / suite.name)
    run_benchmark(
        suite,
        cells,
        folder,
        means,
        jobs=given["jobs"],
        command=typed(means.endpoint),
        done=_progress(len(cells)),
    )
    results = read_results(folder.path)
    click.echo(page(results))
    if given["plot"]:
        for path in draw(results, folder.path / "plots"):
            click.echo(path)


def _means(given: dict[str, Any]) -> "Means":
    from codegen_hpo.bench.search import Means
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.tuner.make import TunerOptions

    endpoint = Endpoint.resolve(base_url=given["base_url"], model=given["model"], environ=os.environ)
    return Means(
        endpoint=endpoint, options=TunerOptions(history=given["history"], reasoning=given["reasoning"])
    )


def _problems(suite: "Suite", beginnings: tuple[str, ...]) -> list[str]:
    from codegen_hpo.errors import ConfigError

    known = suite.problems()
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in known):
            raise ConfigError(f"no problem begins with {beginning!r}", hint=f"there are {', '.join(known)}")
    return [name for name in known if not beginnings or name.startswith(beginnings)]


def typed(endpoint: "Endpoint | None") -> str:
    """The command line, as it could be typed again; an endpoint's address without what is secret in it."""
    typed = shlex.join(["codegen-hpo", *sys.argv[1:]])
    return typed.replace(endpoint.base_url, endpoint.url) if endpoint else typed


def _progress(cells: int) -> "Callable[[Search], None]":
    """Says on stderr how far it is, one line in twenty cells."""
    done = 0

    def tell(search: "Search") -> None:
        nonlocal done
        done += 1
        if done % 20 == 0:
            click.echo(f"{done} searches done, of {cells} in all: {search.cell.problem}", err=True)

    return tell
