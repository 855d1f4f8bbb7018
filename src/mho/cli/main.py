"""The entry point: run a command; answer every foreseeable mistake with one sentence.

Exit codes: 0 done; 1 the answer is "no" (a check failed); 2 something is wrong with what was asked
for; 130 stopped by the user.
"""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.main

import mho
from mho.cli.app import LazyGroup
from mho.errors import MhoError, unknown
from mho.files import os_sentence

app = typer.Typer(cls=LazyGroup, add_completion=False, rich_markup_mode=None)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mho {mho.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=False)
def _mho(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Will my network stay accurate on my RRAM devices, chip after chip, for ten years?"""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line ``mho``.

    Args:
        args: Words after ``mho``; those of the process where None.

    Returns:
        The exit code.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    mho ...
    0
    """
    warnings.formatwarning = _note
    words = list(sys.argv[1:] if args is None else args)
    command = typer.main.get_command(app)
    try:
        with command.make_context("mho", words) as context:
            command.invoke(context)
            sys.stdout.flush()
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped; run the same command again to go on.", code=130)
    except typer.TyperException as error:
        return _fail(_usage(error, words))
    except MhoError as error:
        return _fail(str(error))
    except BrokenPipeError:  # the reader of a pipe, e.g. `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(os_sentence(error, "use", error.filename or "the file"))
    return 0


def _fail(sentence: str, code: int = 2) -> int:
    typer.echo(f"error: {' '.join(sentence.split())}", err=True)
    return code


def _usage(error: typer.TyperException, words: list[str]) -> str:
    """Turn Typer's complaint about the command line into one sentence with the remedy."""
    context: Any = getattr(error, "ctx", None)
    option = getattr(error, "option_name", None)
    if context is not None and option is not None and hasattr(error, "possibilities"):
        known = [name for p in context.command.get_params(context) for name in p.opts]
        options = [name for name in known if name.startswith("-")]
        return str(unknown("option", option, options, where=context.command_path))
    command = " ".join(itertools.takewhile(lambda word: not word.startswith("-"), words))
    where = f"mho {command}" if context is None else context.command_path
    return f"{where}: {error.format_message().rstrip('.')}. See '{where} --help'."


def _note(message: Warning | str, *_: Any, **__: Any) -> str:
    return f"note: {message}\n"
