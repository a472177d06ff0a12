"""Doubles for tests of code that uses codegen-hpo: a scripted model server, author and sandbox,
and models that tune."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen_hpo.testing.authors import ScriptedAuthor as ScriptedAuthor
    from codegen_hpo.testing.sandboxes import ScriptedSandbox as ScriptedSandbox
    from codegen_hpo.testing.script_agent import ScriptAgent as ScriptAgent
    from codegen_hpo.testing.server import ScriptedServer as ScriptedServer
    from codegen_hpo.testing.strategies import LocalSearch as LocalSearch

# each is loaded when it is asked for: the sandbox double brings more with it than a test of the server needs
_HOMES = {
    "LocalSearch": "strategies",
    "ScriptAgent": "script_agent",
    "ScriptedAuthor": "authors",
    "ScriptedSandbox": "sandboxes",
    "ScriptedServer": "server",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"codegen_hpo.testing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
