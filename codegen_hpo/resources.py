"""Finds the files that ship beside the package: prompts, the sandbox worker, sample tables."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(folder: str) -> Path:
    """The folder `prompts`, `sandbox` or `datasets`: of the checkout if this is one, else of the wheel."""
    checkout = _PACKAGE.parent / folder
    if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    return _PACKAGE / "_data" / folder
