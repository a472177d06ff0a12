"""The contract: a source becomes a Candidate or findings. Nothing of it is executed."""

from codegen_hpo.contract.apart import read_candidate_apart, start_checker
from codegen_hpo.contract.dry_run import dry_run_findings
from codegen_hpo.contract.frame import code_frame
from codegen_hpo.contract.read import Verdict, read_candidate

__all__ = [
    "Verdict",
    "code_frame",
    "dry_run_findings",
    "read_candidate",
    "read_candidate_apart",
    "start_checker",
]
