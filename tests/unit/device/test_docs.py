"""docs/devices.md says what the code does: tables, examples, commands and the card in it."""

from __future__ import annotations

import doctest
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer.main

from mho.device.device import Device

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "devices.md"
TEXT = PAGE.read_text(encoding="utf-8")


def fenced(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


COMMANDS = [line.removeprefix("$ ") for block in fenced("console") for line in block.splitlines()]


def test_its_tables_are_those_of_the_code():
    spec = importlib.util.spec_from_file_location(
        "device_docs", ROOT / "scripts" / "device_docs.py"
    )
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    assert docs.page(TEXT) == TEXT, "run: python scripts/device_docs.py"


def test_its_examples_run():
    results = doctest.testfile(str(PAGE), module_relative=False)
    assert results.attempted > 10
    assert results.failed == 0


def test_its_card_is_a_card():
    (card,) = fenced("toml")
    device = Device.parse(tomllib.loads(card), where="docs/devices.md")
    assert device.spread(10.0, 1.0) == pytest.approx(0.2)


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_are_understood(line):
    from mho.cli.device import app

    words = shlex.split(line)
    assert words[:2] == ["mho", "device"]
    group = typer.main.get_command(app)
    command = group.commands[words[2]]
    command.make_context(words[2], words[3:])  # parses, runs nothing
