"""codegen-hpo check"""

import sys
from pathlib import Path

import click

from codegen_hpo.cli.parameters import json_option


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@json_option
def command(file: Path, as_json: bool) -> int:
    """Check FILE (or - for stdin) against the contract, as a model's text is checked.

    Nothing is executed. Exit code 0 when every static gate passes, 6 otherwise.
    """
    from codegen_hpo.cli.terminal import counted, plain, print_json
    from codegen_hpo.contract import code_frame, read_candidate_apart
    from codegen_hpo.errors import ConfigError, NoCandidateError
    from codegen_hpo.store import codec

    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {file}: {error.strerror}", hint="give the path of a Python file"
        ) from error
    # bytes that are no UTF-8 become surrogates, which the text gate names
    source = raw.decode("utf-8", "surrogateescape")
    verdict = read_candidate_apart(source, name=file.stem, author="file")
    if as_json:
        candidate = verdict.candidate
        print_json(
            {
                "ok": candidate is not None,
                "findings": [codec.finding_to_json(finding) for finding in verdict.findings],
                "space": candidate.space.to_json() if candidate else None,
            }
        )
    elif verdict.candidate:
        space = verdict.candidate.space
        said = counted(len(space), "hyperparameter")
        click.echo(f"{plain(file)}: meets the contract; {said}: {', '.join(space)}")
    else:
        click.echo(plain(code_frame(source, verdict.findings)))
    return 0 if verdict.candidate else NoCandidateError.exit_code
