"""Every error that a caller can meet.

CodegenHpoError           .hint says what to do, .exit_code what the command line returns
├── DataError         3   the table, the target or a column cannot be used
├── ConfigError       3   an option, a file of options or a run directory cannot be used
├── EndpointError     4   the model's endpoint: key, quota, name, unreachable
├── SandboxError      5   no sandbox can be started, or it broke for a reason of the host
├── NoCandidateError  6   no candidate met the contract
└── NoModelError      1   candidates were trained, none gave a usable model

Only faults of the host raise. What a model's text caused is a value, a Finding or an Outcome, because it
is sent back to the model.
"""


class CodegenHpoError(Exception):
    """The base of all errors raised on purpose. `hint` may be empty."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DataError(CodegenHpoError):
    exit_code = 3


class ConfigError(CodegenHpoError):
    exit_code = 3


class EndpointError(CodegenHpoError):
    exit_code = 4


class SandboxError(CodegenHpoError):
    exit_code = 5


class NoCandidateError(CodegenHpoError):
    exit_code = 6


class NoModelError(CodegenHpoError):
    exit_code = 1
