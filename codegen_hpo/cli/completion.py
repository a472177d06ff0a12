"""codegen-hpo completion"""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options and the names of runs.

    \b
        bash:  eval "$(codegen-hpo completion bash)"       in ~/.bashrc
        zsh:   eval "$(codegen-hpo completion zsh)"        in ~/.zshrc, after compinit
        fish:  codegen-hpo completion fish | source        in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    from codegen_hpo.cli.main import COMPLETE

    click.echo(kind(context.find_root().command, {}, "codegen-hpo", COMPLETE).source())
