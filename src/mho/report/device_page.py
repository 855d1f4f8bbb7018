"""The page of a device fit: how well a law describes the cells that it was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mho.report import words
from mho.report.figures.device_law import drift_figure, facts, parse_card, programming_figure
from mho.report.figures.figure import Figure
from mho.report.figures.fit_bakes import bakes_figure
from mho.report.figures.fit_choice import family_figures, variance_figure
from mho.report.figures.fit_levels import MOST_LEVELS, against_conductance, level_figures
from mho.report.figures.fit_maps import correlation_figures, wafer_figures
from mho.report.figures.fit_misfit import ENOUGH, misfit_figures
from mho.report.figures.fit_time import time_figures
from mho.report.fit_schema import FitResults, parse_fit
from mho.report.page import render_template
from mho.report.sections import flat


def render_device(fit: Mapping[str, Any]) -> str:
    """Write a device fit as one self-contained HTML page.

    Args:
        fit: What ``Fit.to_dict()`` returns, and ``mho device fit --json`` writes. A key ``maps``
            may hold wafer maps, see :class:`mho.report.fit_schema.WaferMap`.

    Returns:
        The HTML.

    Raises:
        ConfigError: The fit is not what it should be.

    Example:
        >>> page = render_device({"device": {"name": "mine"}, "cells": 3, "reads": 9})
        >>> "<title>mine" in page
        True
    """
    checked = parse_fit(fit)
    return render_template("device.html", _context(checked))


def fit_verdict(fit: FitResults) -> str:
    """Say how well the law describes the cells, in one sentence.

    >>> print(fit_verdict(FitResults(device={"name": "mine"}, cells=300, reads=900,
    ...     median_error_sd=0.005, largest_error_sd=0.07)))
    The law of mine follows 300 cells: its quantiles lie within 0.005 sd of the measured ones at \
half of the levels and times that have at least 200 cells, and within 0.07 sd at all of them.
    """
    name = str(fit.device.get("name", "the device"))
    if not fit.reads:
        return f"The law of {name}, as its card states it; no measurements stand beside it."
    cells = f"{words.amount(fit.cells)} cell{'' if fit.cells == 1 else 's'}"
    if fit.median_error_sd is None or fit.largest_error_sd is None:
        reads = f"{words.amount(fit.reads)} read{'' if fit.reads == 1 else 's'}"
        why = (
            "only one time was read, so it says nothing about drift"
            if not fit.times
            else "no level has enough cells to compare quantiles"
        )
        return f"The law of {name} is fitted to {cells} and {reads}; {why}."
    return (
        f"The law of {name} follows {cells}: its quantiles lie within "
        f"{fit.median_error_sd:.2g} sd of the measured ones at half of the levels and times that "
        f"have at least {ENOUGH} cells, and within {fit.largest_error_sd:.2g} sd at all of them."
    )


def _context(fit: FitResults) -> dict[str, Any]:
    card = fit.device
    device = parse_card(card)
    law: list[Figure] = []
    if device is not None:
        drift = drift_figure(device, [t.t_s for t in fit.times])
        law = [programming_figure(device), *([] if drift is None else [drift])]
    levels = level_figures(fit)
    all_levels = len({f.level for f in fit.levels})
    return {
        "title": f"{card.get('name', 'device')} – device fit",
        "fit": fit,
        "name": str(card.get("name", "device")),
        "headline": words.tied(fit_verdict(fit)),
        "time": time_figures(fit),
        "conductance": against_conductance(fit),
        "misfit": misfit_figures(fit),
        "levels": levels,
        "levels_note": _levels_note(fit, all_levels),
        "correlations": correlation_figures(fit),
        "families": family_figures(fit),
        "variance": variance_figure(fit),
        "wafers": wafer_figures(fit),
        "bakes": bakes_figure(fit),
        "temperature_law": flat((fit.temperature and fit.temperature.law) or {}),
        "faults": _faults(fit),
        "law": law,
        "facts": [] if device is None else facts(device),
        "held_out": [] if fit.families else _held_out(fit),
        "provenance": flat(card["fit"]) if isinstance(card.get("fit"), Mapping) else [],
    }


def _levels_note(fit: FitResults, count: int) -> str:
    shares = [f"{100 * p:g} %" for p in fit.probabilities]
    which = f"the {words.listing(shares)} quantiles" if shares else "quantiles"
    note = f"Change since programming in µS: {which}, by the law (bands) and measured (dots)."
    if count > MOST_LEVELS and len({f.t_s for f in fit.levels if f.t_s > 0}) > 1:
        note += f" {MOST_LEVELS} of {count} levels are drawn."
    return note


def _faults(fit: FitResults) -> list[tuple[str, str]]:
    """Say how many cells are faulty in each way, with the interval of their share."""
    return [
        (
            name.replace("_", " ").replace("lrs", "LRS").replace("hrs", "HRS"),
            f"{words.amount(rate.count)} of {words.amount(rate.cells)} cells"
            + (f", {words.interval(rate.low, rate.high, 2)} %" if rate.low is not None else ""),
        )
        for name, rate in fit.faults.items()
        if rate.cells
    ]


def _held_out(fit: FitResults) -> list[tuple[str, str]]:
    """Rank the families by what they say of cells that they have not seen."""
    known = [(name, value) for name, value in fit.held_out.items() if value is not None]
    known.sort(key=lambda pair: -pair[1])
    best = known[0][1] if known else 0.0
    return [
        (name, words.signed(value) + ("" if value == best else f" ({words.signed(value - best)})"))
        for name, value in known
    ]
