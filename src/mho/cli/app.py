"""How every command is built: plain help, examples as written, misspelt names answered.

Help is plain text and not drawn with boxes: it appears in a fraction of the time, and copies well.
"""

from __future__ import annotations

import importlib
from typing import Any

import typer
import typer.core
import typer.main

from mho.cli.commands import COMMANDS
from mho.errors import unknown


class Group(typer.core.TyperGroup):
    """A group of commands that shows its help when called alone and names the nearest command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help where no command was given."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that was named.

        Raises:
            ConfigError: There is no such command; the nearest is named.
        """
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise unknown("command", name, self.list_commands(ctx), where=ctx.command_path)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """The group ``mho`` itself: a command's module is imported when that command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command, or return None where there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = typer.main.get_command(importlib.import_module(entry.module).app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def new_app(help: str | None = None) -> typer.Typer:
    """Make the Typer app of a command's file.

    With one ``@app.command(...)`` it is a plain command, with several it is a group: give ``help``.

    Args:
        help: One-line help of a group; a plain command has its function's docstring.

    >>> app = new_app()
    >>> @app.command(epilog=examples("mho hello"))
    ... def hello() -> None:
    ...     '''Say hello.'''
    """
    return typer.Typer(
        cls=Group,
        help=help,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def examples(*lines: str) -> str:
    r"""Write the examples of a command, for ``@app.command(epilog=examples(...))``.

    >>> examples("mho demo", "mho demo --json demo.json")
    '\x08\nExamples:\n  mho demo\n  mho demo --json demo.json'
    """
    title = "Example" if len(lines) == 1 else "Examples"
    return "\b\n" + "\n".join([f"{title}:", *(f"  {line}" for line in lines)])
