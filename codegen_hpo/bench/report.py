"""Writes a benchmark's results page: the tables, one JSON file of all results, and the plots."""

from pathlib import Path

from codegen_hpo.bench.plots import draw
from codegen_hpo.bench.results import Results, write_results
from codegen_hpo.bench.summary import page


def write_page(results: Results, file: Path, *, plot: bool) -> list[Path]:
    """The files written: the page, and beside it the JSON from which it can be made again, and the plots."""
    file.parent.mkdir(parents=True, exist_ok=True)
    data = file.with_suffix(".json")
    write_results(results, data)
    drawn = draw(results, file.parent) if plot else []
    pictures = "\n\n".join(f"![{path.stem}]({path.name})" for path in drawn)
    again = f"codegen-hpo bench report {data.name} -o {file.name}{' --plot' if plot else ''}"
    source = f"This page was made from [{data.name}]({data.name}) alone: `{again}`."
    text = "\n\n".join(filter(None, [page(results), pictures, source]))
    file.write_text(text + "\n", encoding="utf-8")
    return [file, data, *drawn]
