"""Writes the API reference, HTML made from docstrings by pdoc: `make docs`.

python docs/reference.py [FOLDER]
"""

import sys
from pathlib import Path

import codegen_hpo
import codegen_hpo.testing

# beside what the package itself exports: the seams, what they pass on, and what tests of them use
MODULES = (
    "codegen_hpo.author.base",
    "codegen_hpo.author.fixed",
    "codegen_hpo.estimators.base",
    "codegen_hpo.llm.ledger",
    "codegen_hpo.loaded_model",
    "codegen_hpo.records",
    "codegen_hpo.rerun",
    "codegen_hpo.sandbox.base",
    "codegen_hpo.sandbox.limits",
    "codegen_hpo.sandbox.pipes",
    "codegen_hpo.sandbox.warm",
    "codegen_hpo.space_import",
    "codegen_hpo.testing.bundles",
    "codegen_hpo.testing.replies",
    "codegen_hpo.testing.sandbox_cases",
    "codegen_hpo.testing.tuner_cases",
    "codegen_hpo.tuner.base",
    "codegen_hpo.tuner.classical",
    "codegen_hpo.tuner.points",
)
# a package brings its modules along; those wanted are named above
_SPECIFICATIONS = (
    "codegen_hpo",
    r"!codegen_hpo\.",
    "codegen_hpo.testing",
    r"!codegen_hpo\.testing\.",
    *MODULES,
)


def write_reference(folder: Path) -> None:
    """Fills the folder with HTML pages; `index.html` is the first one."""
    import pdoc

    for package in (codegen_hpo, codegen_hpo.testing):
        for name in package.__all__:
            # what is loaded when it is asked for: pdoc looks at what is there
            setattr(package, name, getattr(package, name))
    pdoc.render.configure(
        docformat="google", show_source=False, footer_text=f"codegen-hpo {codegen_hpo.__version__}"
    )
    pdoc.pdoc(*_SPECIFICATIONS, output_directory=folder)


if __name__ == "__main__":
    to = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/api")
    for estimator in (codegen_hpo.CodegenRegressor, codegen_hpo.CodegenClassifier):
        del estimator.set_score_request  # scikit-learn's, whose text is that of its inner works
    write_reference(to)
    print(f"{to / 'index.html'}")
