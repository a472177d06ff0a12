"""The tuners by name: what each needs."""

from importlib.util import find_spec

from codegen_hpo.errors import ConfigError

# name → the packages beside the base ones
_CLASSICAL = {
    "random": (),
    "tpe": (),
    "gp": (),
    "smac-rf": ("smac", "ConfigSpace"),
    "smac-gp": ("smac", "ConfigSpace"),
    "cmaes": ("cmaes",),
}
_MODEL = {
    "llm": (),
    "llm+tpe": (),
    "llm+gp": (),
    "llm+smac-rf": _CLASSICAL["smac-rf"],
    "centaur": _CLASSICAL["cmaes"],
}

AGENTHPO = "agenthpo"  # of scripts only: the Creator, whose calls the Executor carries out
CREATOR = "llm"  # asked for a reason with each value
CLASSICAL = tuple(_CLASSICAL)
TUNERS = (*_CLASSICAL, *_MODEL)


def needs_model(name: str) -> bool:
    """Whether the tuner of this name asks a language model."""
    return name in _MODEL


def check_tuner(name: str, *, with_model: bool, called: str = "") -> None:
    """Raises ConfigError if there is no such tuner, or what it needs is missing: its packages, a model.

    Args:
        name: of the tuner.
        with_model: whether there is a model.
        called: what the user called it, if that is another name.
    """
    packages = (_CLASSICAL | _MODEL).get(name)
    if packages is None:
        raise ConfigError(f"there is no tuner {name!r}", hint=f"one of {', '.join(TUNERS)}")
    if missing := [package for package in packages if find_spec(package) is None]:
        raise ConfigError(
            f"the tuner {name} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed",
            hint="pip install 'codegen-hpo[hpo]'",
        )
    if needs_model(name) and not with_model:
        raise ConfigError(
            f"the tuner {called or name} needs a language model, and none is configured",
            hint="set OPENAI_API_KEY or give --base-url; --tuner tpe needs none",
        )
