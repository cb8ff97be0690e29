"""The `rtrl-lstm` command. Only click is imported before a command has been chosen and its
options read: `--help` answers at once."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from rtrl_lstm.cli.errors import INTERRUPTED, STOPPED, Stop, reason

COMMANDS = ("learn", "predict", "report", "export", "infer", "inspect")


class Commands(click.Group):
    """A group whose commands are the modules of this folder that are named after them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order one needs them."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed; where there is none of that name, which there are."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The module's `command`, or None where there is no such command."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"rtrl_lstm.cli.{name}").command
        return command


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from rtrl_lstm import __version__

        click.echo(f"rtrl-lstm {__version__}")
        ctx.exit()


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: rtrl-lstm learn demand.csv --target demand --time timestamp --horizon 5",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
def commands() -> None:
    """A recurrent network that learns one row at a time, as the data arrives.

    Rows come from a file or a live pipe. Figures go to stderr, data to stdout.
    Exit codes: 0 done; 1 stopped, with one line that says why; 2 wrong usage; 130 interrupted, or
    143 by SIGTERM, with the model saved.
    """


def main() -> None:
    """Run the command line; what a user can put right gets one line instead of a traceback."""
    try:
        sys.exit(commands.main(prog_name="rtrl-lstm", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except OSError as error:
        Stop(reason(error)).show()
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
