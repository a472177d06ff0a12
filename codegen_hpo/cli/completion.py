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
    root = context.find_root()
    click.echo(kind(root.command, {}, "codegen-hpo", "_CODEGEN_HPO_COMPLETE").source())
