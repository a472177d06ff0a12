"""codegen-hpo: a language model writes a PyTorch function for a table, and its arguments are tuned."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen_hpo.engine.settings import Budget as Budget
    from codegen_hpo.errors import CodegenHpoError as CodegenHpoError
    from codegen_hpo.errors import ConfigError as ConfigError
    from codegen_hpo.errors import DataError as DataError
    from codegen_hpo.errors import EndpointError as EndpointError
    from codegen_hpo.errors import NoCandidateError as NoCandidateError
    from codegen_hpo.errors import NoModelError as NoModelError
    from codegen_hpo.errors import SandboxError as SandboxError
    from codegen_hpo.estimators import CodegenClassifier as CodegenClassifier
    from codegen_hpo.estimators import CodegenRegressor as CodegenRegressor
    from codegen_hpo.fitting import fit as fit
    from codegen_hpo.minimizing import Minimum as Minimum
    from codegen_hpo.minimizing import minimize as minimize
    from codegen_hpo.objective.base import Infeasible as Infeasible
    from codegen_hpo.run import Run as Run
    from codegen_hpo.sampler import LLMSampler as LLMSampler
    from codegen_hpo.space import Choice as Choice
    from codegen_hpo.space import Float as Float
    from codegen_hpo.space import Int as Int
    from codegen_hpo.space import Space as Space
    from codegen_hpo.task import Task as Task
    from codegen_hpo.tuner.make import TunerOptions as TunerOptions

__version__ = "0.1.0"

# torch, pandas and scikit-learn take seconds to import: nothing heavy is loaded until it is asked for
_HOMES = {
    "Budget": "engine.settings",
    "CodegenClassifier": "estimators",
    "CodegenRegressor": "estimators",
    "LLMSampler": "sampler",
    "Run": "run",
    "fit": "fitting",
    "Minimum": "minimizing",
    "minimize": "minimizing",
    "Infeasible": "objective.base",
    "Choice": "space",
    "Float": "space",
    "Int": "space",
    "Space": "space",
    "Task": "task",
    "TunerOptions": "tuner.make",
    "CodegenHpoError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "EndpointError": "errors",
    "NoCandidateError": "errors",
    "NoModelError": "errors",
    "SandboxError": "errors",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"codegen_hpo.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
