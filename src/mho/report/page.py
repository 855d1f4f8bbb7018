"""The page: checked results and figures poured into one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

import mho
from mho.report import words
from mho.report.figures.accuracy import accuracy_figure
from mho.report.figures.chips import chips_figure
from mho.report.figures.coverage import coverage_figure
from mho.report.figures.paired import paired_figure
from mho.report.figures.price import price_figure
from mho.report.figures.series import Series, assign_colours
from mho.report.methods import KNOWLEDGE, method_table
from mho.report.schema import Results, parse_results
from mho.report.sections import (
    cells,
    effort,
    headline,
    key_figures,
    notes,
    provenance,
    schedules,
    tips,
)
from mho.report.verdict import Verdict, judge

_TEMPLATES = Path(__file__).parent / "templates"


def render(results: Mapping[str, Any]) -> str:
    """Write a study's results as one self-contained HTML page.

    The page needs no network and no other file; every name in it is escaped, and its security
    policy lets nothing run but its own small script.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The HTML.

    Raises:
        ConfigError: The results are not of a format that this version reads.

    Example:
        >>> page = render({"format": 1, "baseline": {"accuracy": 0.98}})
        >>> page.startswith("<!doctype html>")
        True
    """
    checked = parse_results(results)
    verdict = judge(checked)
    series = assign_colours(verdict)
    return render_template("study.html", _context(checked, verdict, series))


def render_template(name: str, context: Mapping[str, Any]) -> str:
    """Fill one of the page templates; style and script go inline."""
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template(name)
        .render(
            **context,
            version=mho.__version__,
            style=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@lru_cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=words.percent, amount=words.amount, large=words.large, day=words.day
    )
    return environment


def _context(results: Results, verdict: Verdict, series: tuple[Series, ...]) -> dict[str, Any]:
    """Collect everything that the template shows."""
    shown = bool(series)
    timed = shown and len(results.times_s) > 1
    return {
        "title": f"{results.network.name} – {results.study.name}",
        "results": results,
        "verdict": verdict,
        "headline": headline(verdict, series),
        "detail": words.tied(" ".join(verdict.detail)),
        "chosen_text": f"the {'cheapest' if verdict.rivals else 'only one'} that meets the target",
        "keys": key_figures(results, verdict),
        "accuracy": accuracy_figure(results, verdict, series) if timed else None,
        "tips": tips(results, series) if timed else [],
        "chips": chips_figure(results, verdict, series) if shown else None,
        "methods": method_table(results, verdict, series) if shown else None,
        "knowledge": KNOWLEDGE,
        "price": price_figure(results, verdict, series) if shown else None,
        "paired": paired_figure(results, verdict, series) if shown else None,
        "end": words.after(max(j.end.t_s for j in verdict.judgements)) if shown else "",
        "start": words.after(results.times_s[0]) if shown else "",
        "cells": cells(results),
        "schedules": schedules(results),
        "coverage": coverage_figure(results.network),
        "effort": effort(results),
        "notes": notes(results),
        "provenance": provenance(results),
        "toml_link": f"data:text/plain;charset=utf-8,{quote(results.study.toml)}",
    }
