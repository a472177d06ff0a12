"""What a wheel holds: one package, with the files that are data beside the code."""

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    wheel = next(builder.build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]))
    return set(zipfile.ZipFile(wheel).namelist())


def test_a_wheel_has_one_top_level_package(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"codegen_hpo"}


@pytest.mark.parametrize("folder", ["prompts", "sandbox", "datasets"])
def test_the_folders_beside_the_package_are_in_the_wheel(names: set[str], folder: str) -> None:
    shipped = {
        path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert {f"codegen_hpo/_data/{path.relative_to(ROOT).as_posix()}" for path in shipped} <= names


def test_sources_that_are_data_are_in_the_wheel(names: set[str]) -> None:
    data = (
        "author/recipes/plr.py",
        "exported/predict.py",
        "table/encoding/levels.py",
        "py.typed",
        "report/templates/page.html.j2",
        "watch/page.html",
    )
    assert {f"codegen_hpo/{name}" for name in data} <= names


def test_no_folder_beside_the_package_is_importable() -> None:
    assert not [
        folder for folder in ("prompts", "sandbox", "datasets") if (ROOT / folder / "__init__.py").exists()
    ]
