"""Every command: its help is the table's, it has an example, and the examples are understood."""

from __future__ import annotations

import importlib
import pkgutil
import shlex

import pytest
import typer.main

import mho.cli
from mho.cli.commands import COMMANDS
from mho.cli.main import app


def all_commands():
    """Yield the words and the command of every leaf, e.g. (["device", "fit"], command)."""
    root = typer.main.get_command(app)
    context = root.make_context("mho", [], resilient_parsing=True)
    for name in COMMANDS:
        command = root.get_command(context, name)
        for below, sub in getattr(command, "commands", {}).items():
            yield [name, below], sub
        if not hasattr(command, "commands"):
            yield [name], command


LEAVES = {" ".join(words): command for words, command in all_commands()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name):
    entry = COMMANDS[name]
    command = typer.main.get_command(importlib.import_module(entry.module).app)
    assert (command.help or "").splitlines()[0] == entry.help


def test_every_file_with_a_command_is_in_the_table():
    listed = {entry.module for entry in COMMANDS.values()}
    modules = {f"mho.cli.{m.name}" for m in pkgutil.iter_modules(mho.cli.__path__)}
    made_by_new_app = {
        name
        for name in modules - {"mho.cli.main", "mho.cli.app"}
        if isinstance(getattr(importlib.import_module(name), "app", None), typer.Typer)
    }
    assert made_by_new_app == listed


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_and_option_has_help(name):
    command = LEAVES[name]
    assert len(command.help or "") > 10
    undocumented = [p.name for p in command.params if not getattr(p, "help", None)]
    assert undocumented == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_an_example_that_is_understood(name):
    examples = [line.strip() for line in (LEAVES[name].epilog or "").splitlines()[2:]]
    assert examples, f"mho {name} has no example: give epilog=examples('mho {name} …')"
    for example in examples:
        words = shlex.split(example)
        prefix = ["mho", *name.split()]
        assert words[: len(prefix)] == prefix, example
        # Parses, and so checks every option name and value, but runs nothing.
        LEAVES[name].make_context(name, words[len(prefix) :])
