"""What is imported is a dependency of its own, not one of a dependency's."""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent
# they run beside files of their own, or in an environment of their own
ELSEWHERE = ("codegen_hpo/exported/", "codegen_hpo/bench/peers/apart/")
IMPORT = re.compile(r"^ *(?:from (\w+)[\w.]* import|import (\w+)[\w.]*(?: as \w+)?(?:  #.*)?$)", re.M)
DISTRIBUTIONS = {"google": "protobuf", "mlflow": "mlflow-skinny", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def test_every_import_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    listed = {_distribution(re.split(r"[<>=[]", text)[0]) for text in [*project["dependencies"], *extras]}
    found = {}
    for path in (ROOT / "codegen_hpo").rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(ELSEWHERE):
            found |= {
                _distribution(module): name
                for module in map("".join, IMPORT.findall(path.read_text("utf-8")))
            }
    worker = [path.stem for path in (ROOT / "sandbox" / "worker").glob("*.py")]  # found where it runs
    ours = set(map(_distribution, ["codegen_hpo", *worker, *sys.stdlib_module_names]))
    assert {module: name for module, name in found.items() if module not in listed | ours} == {}


def _distribution(name: str) -> str:
    return DISTRIBUTIONS.get(name, name).lower().replace("_", "-")
