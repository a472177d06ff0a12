"""The API reference: every public name is in it, and none without a docstring."""

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import codegen_hpo
import codegen_hpo.testing

pytest.importorskip("pdoc")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """docs/reference.py, which is no part of the package."""
    path = Path(__file__).parents[2] / "docs" / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(reference: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The reference's pages by the names of their modules."""
    folder = tmp_path_factory.mktemp("api")
    reference.write_reference(folder)
    files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.html")}
    return {name.replace("/", "."): path.read_text(encoding="utf-8") for name, path in files.items()}


def public(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Names and values of the functions and classes that a module offers."""
    offered = getattr(module, "__all__", None)
    for name in offered or vars(module):
        value = getattr(module, name)
        ours = offered or (not name.startswith("_") and getattr(value, "__module__", "") == module.__name__)
        if ours and (inspect.isclass(value) or inspect.isfunction(value)):
            yield name, value


def undocumented(name: str, value: object) -> Iterator[str]:
    """The value, or members of it that are its own, if they have no docstring."""
    # a dataclass without one is given its signature in place of it
    text = (value.__doc__ or "") if inspect.isclass(value) else inspect.getdoc(value) or ""
    if not text or text.startswith(f"{name}("):
        yield name
    if inspect.isclass(value):
        for part in vars(value):
            member = inspect.getattr_static(value, part)
            described = isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(
                member
            )
            if described and not part.startswith("_") and not inspect.getdoc(getattr(value, part)):
                yield f"{name}.{part}"


@pytest.mark.slow
def test_every_public_name_is_in_the_reference_and_has_a_docstring(
    reference: ModuleType, pages: dict[str, str]
) -> None:
    missing, silent = [], []
    named = map(importlib.import_module, reference.MODULES)
    for module in (codegen_hpo, codegen_hpo.testing, *named):
        if not module.__doc__:
            silent.append(module.__name__)
        for name, value in public(module):
            if f'id="{name}"' not in pages[module.__name__]:
                missing.append(f"{module.__name__}.{name}")
            silent += [f"{module.__name__}.{found}" for found in undocumented(name, value)]
    assert not missing
    assert not silent


@pytest.mark.slow
def test_the_reference_holds_nothing_private(reference: ModuleType, pages: dict[str, str]) -> None:
    assert set(pages) == {"index", "codegen_hpo", "codegen_hpo.testing", *reference.MODULES}
    shown = {name for page in pages.values() for name in re.findall(r'id="([\w.]+)"', page)}
    assert not [name for name in shown if re.search(r"(^|\.)_(?!_init__$|_version__$)", name)]
