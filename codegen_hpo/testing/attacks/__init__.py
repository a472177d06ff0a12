"""Hostile programs, and what runs them against a sandbox: `run.run_attacks`.

Each program is data (`attack.Attack`). It runs with the static check bypassed, in a worker that goes on to
serve others; a program that did what it must not do prints a line that begins with ESCAPED.
"""

from codegen_hpo.testing.attacks.attack import Attack as Attack
from codegen_hpo.testing.attacks.clock import CLOCK
from codegen_hpo.testing.attacks.files import FILES
from codegen_hpo.testing.attacks.floods import FLOODS
from codegen_hpo.testing.attacks.forgery import FORGERY
from codegen_hpo.testing.attacks.injection import INJECTION
from codegen_hpo.testing.attacks.kernel import KERNEL
from codegen_hpo.testing.attacks.labels import LABELS
from codegen_hpo.testing.attacks.leftovers import LEFTOVERS
from codegen_hpo.testing.attacks.memory import MEMORY
from codegen_hpo.testing.attacks.network import NETWORK
from codegen_hpo.testing.attacks.patches import PATCHES
from codegen_hpo.testing.attacks.processes import OTHERS
from codegen_hpo.testing.attacks.results import RESULTS
from codegen_hpo.testing.attacks.starting import STARTING, THREADS
from codegen_hpo.testing.attacks.texts import NORMALISED, TEXTS

__all__ = ["ATTACKS", "Attack"]

# in this order: the last of those that leave something behind looks for it
ATTACKS: tuple[Attack, ...] = (
    *NETWORK,
    *FILES,
    *OTHERS,
    *STARTING,
    *THREADS,
    *KERNEL,
    *MEMORY,
    *CLOCK,
    *FLOODS,
    *FORGERY,
    *PATCHES,
    *LABELS,
    *LEFTOVERS,
    *RESULTS,
    *TEXTS,
    *NORMALISED,
    *INJECTION,
)
