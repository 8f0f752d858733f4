"""`forgejo-shim completion`: a script that makes a shell complete verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .help import Verb

SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Verb,
    examples=[
        "forgejo-shim completion bash > ~/.local/share/bash-completion/completions/forgejo-shim",
        "forgejo-shim completion fish > ~/.config/fish/completions/forgejo-shim.fish",
    ],
)
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for a shell's completion.

    For one session, bash and zsh can read it at once: eval "$(forgejo-shim completion bash)". To keep it, save it where
    the shell looks for such scripts, as the examples do; for zsh that is a file _forgejo-shim in a folder of $fpath.
    """
    kind = get_completion_class(shell)
    assert kind
    click.echo(kind(ctx.find_root().command, {}, "forgejo-shim", "_FORGEJO_SHIM_COMPLETE").source())
