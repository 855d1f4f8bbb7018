"""What the README says works: its Python runs, its commands are understood, its links exist."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from mho.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page):
    lines = "\n".join(
        re.findall(r"^```(?:console|bash)?\n(.*?)^```", page.read_text(), re.M | re.S)
    )
    words = (line.removeprefix("$ ").split("#")[0] for line in lines.splitlines())
    return [line.strip() for line in words if line.startswith(("mho ", "make "))]


def test_the_readme_opens_with_the_two_commands():
    assert commands(PAGES[0])[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_runs(page, tmp_path, monkeypatch):
    """The blocks of a page are one program, run from top to bottom in an empty folder."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks(page, "python"), 1):
        if block.startswith(">>>"):  # a dialogue, whose answers are checked too
            test = doctest.DocTestParser().get_doctest(block, names, page.name, page.name, number)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            assert runner.run(test, clear_globs=False).failed == 0
            names.update(test.globs)
            continue
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_are_understood(page):
    """Every word, option and value is parsed as the command would; nothing is run."""
    root = typer.main.get_command(app)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in commands(page):
        program, *words = shlex.split(line)
        if program == "make":
            assert words[0] in targets, line
            continue
        context = root.make_context("mho", words.copy(), resilient_parsing=False)
        command = root
        while hasattr(command, "resolve_command"):
            name, command, words = command.resolve_command(context, words)
            context = command.make_context(name, words.copy(), parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_point_at_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
