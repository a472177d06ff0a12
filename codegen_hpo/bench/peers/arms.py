"""Who takes part: our own cookbook, and peers that run in an interpreter of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from codegen_hpo.errors import ConfigError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_PROBE_S = 120.0


class Arm(NamedTuple):
    """One that takes part."""

    title: str
    modules: tuple[str, ...]  # that its interpreter must be able to import


OWN = "codegen-hpo"
ARMS: Mapping[str, Arm] = {
    OWN: Arm("codegen-hpo, cookbook and TPE", ()),
    "autogluon": Arm("AutoGluon, medium quality", ("autogluon.tabular",)),
    "flaml": Arm("FLAML", ("flaml",)),
    "catboost": Arm("CatBoost, default", ("catboost",)),
    "catboost-tpe": Arm("CatBoost, tuned by TPE", ("catboost", "optuna")),
    "lightgbm": Arm("LightGBM, default", ("lightgbm",)),
    "lightgbm-tpe": Arm("LightGBM, tuned by TPE", ("lightgbm", "optuna")),
    "sklearn": Arm("scikit-learn's histogram boosting, default", ("sklearn",)),
    "sklearn-tpe": Arm("scikit-learn's histogram boosting, tuned by TPE", ("sklearn", "optuna")),
}


def check_arms(names: tuple[str, ...]) -> None:
    """Raises ConfigError for a name that is none."""
    for name in names:
        if name not in ARMS:
            raise ConfigError(f"there is no arm {name!r}", hint=f"one of {', '.join(ARMS)}")


def probe(python: str) -> dict[str, str]:
    """The versions of the peers' packages in an interpreter, by module. Raises ConfigError if it is none."""
    try:
        asked = subprocess.run(
            [python, *command("--probe")],
            env=environment(1),
            capture_output=True,
            text=True,
            timeout=_PROBE_S,
            check=True,
        )
        versions: dict[str, str] = json.loads(asked.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise ConfigError(
            f"{python} cannot tell what it has: {error}", hint="--peer-python needs numpy and pandas"
        ) from error
    return versions


def missing(arm: str, versions: Mapping[str, str]) -> list[str]:
    """The modules that an arm lacks in the interpreter that was probed."""
    return [name for name in ARMS[arm].modules if name not in versions]


def arguments(arm: str, job: Path, peer_python: str) -> list[str]:
    """The command that carries a job out."""
    if arm == OWN:
        return [sys.executable, "-m", "codegen_hpo.bench.peers.own", str(job)]
    return [peer_python, *command(str(job))]


def command(argument: str) -> list[str]:
    """How an interpreter without this project runs `apart`; its folder is in `environment`."""
    return ["-s", "-m", "apart", argument]


def environment(threads: int, *, own: bool = False) -> dict[str, str]:
    """The environment of an arm: so many threads, and, for a peer, `apart` within reach."""
    environ = os.environ | dict.fromkeys(_THREADS, str(threads))
    return environ if own else environ | {"PYTHONPATH": str(Path(__file__).parent)}
