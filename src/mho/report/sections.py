"""The sections of a study's page: what each shows, as plain values for the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from mho.report import words
from mho.report.figures.device_law import drift_figure, facts, parse_card, programming_figure
from mho.report.figures.figure import Figure
from mho.report.figures.schedule import schedule_figure
from mho.report.figures.series import Series
from mho.report.schema import Results
from mho.report.verdict import Verdict, as_is

_ABOUT_MAPPINGS = {
    "charan2020-legacy": (
        "Why it collapses: this mapping has no scale per layer. Each |w| is clipped to [0.01, 1] "
        "and rounded up to the next level, so that the many small weights of a layer all become "
        "one level, far larger than they were; biases and batch-norm parameters pass through the "
        "same rule. This destroys the network before any cell errs: compare with 'sign-magnitude', "
        "which has a scale."
    )
}
"""What a reader must know of a mapping."""


def headline(verdict: Verdict, series: tuple[Series, ...]) -> Markup:
    """Return the sentence with the method it names in that method's colour."""
    text = escape(words.tied(verdict.headline))
    for s in series:
        if verdict.chosen is not None and s.step is verdict.chosen.step and s.step.recovers:
            name = escape(words.tied(s.step.name))
            return Markup(text.replace(name, Markup('<em class="{}">{}</em>').format(s.css, name)))
    return text


def key_figures(results: Results, verdict: Verdict) -> list[tuple[str, str, str]]:
    """Return the figures below the verdict: (value, what it is, class)."""
    images = results.baseline.images or results.data.images
    of = f", {words.amount(images)} images" if images else ""
    keys = [(words.percent(results.baseline.accuracy), f"digital network{of}", "")]
    plain = as_is(verdict.judgements)
    shown = verdict.chosen or verdict.best
    for judgement, kind in ((plain, "bad"), (shown, "good")):
        if judgement is None or (judgement is plain and kind == "good"):
            continue
        end = judgement.end
        good = judgement.meets and judgement.reaches
        css = ("good" if good else "bad") if verdict.floor is not None else ""
        name = "mapped as it is" if judgement is plain else judgement.step.name
        keys.append((words.percent(end.mean), f"{name}, {words.after(end.t_s)}", css))
    if verdict.chosen is not None and verdict.chosen.price.area_share is not None:
        share = verdict.chosen.price.area_share
        keys.append((f"+{words.extra(share)}" if share else "0", "added area", ""))
    return keys


def tips(results: Results, series: tuple[Series, ...]) -> list[dict[str, Any]]:
    """Return what is shown at each time of the accuracy figure, best method first."""
    found_tips = []
    for t_s in results.times_s:
        found = [(s, m) for s in series if (m := s.step.at(t_s)) is not None]
        found.sort(key=lambda pair: -pair[1].mean)
        rows = [
            {
                "css": s.css,
                "name": s.step.name,
                "mean": words.percent(m.mean),
                "interval": words.interval(m.ci_low, m.ci_high),
                "worst": words.bare_percent(m.worst),
            }
            for s, m in found
        ]
        beyond = any(m.extrapolated for _, m in found)
        found_tips.append({"time": words.moment(t_s), "beyond": beyond, "rows": rows})
    return found_tips


def cells(results: Results) -> dict[str, Any] | None:
    """Return what is shown of the device law, or None where the results hold no card."""
    card = results.hardware.device
    if not card:
        return None
    device = parse_card(card)
    figures: list[Figure] = []
    if device is not None:
        drift = drift_figure(device, results.times_s)
        figures = [programming_figure(device), *([] if drift is None else [drift])]
    mapping = results.hardware.mapping
    law = _law_of(mapping)
    scale = mapping.get("scale", "") if isinstance(mapping, dict) else ""
    hardware = results.hardware
    tile = [f"tiles of {hardware.rows} × {hardware.cols}"]
    bits = [
        f"{name}: {'ideal' if value is None else f'{value} bit'}"
        for name, value in (("DAC", hardware.dac_bits), ("ADC", hardware.adc_bits))
    ]
    return {
        "name": str(card.get("name", "device")),
        "description": str(card.get("description", "")),
        "figures": figures,
        "facts": [] if device is None else facts(device),
        "mapping": f"{law}{f', one scale per {scale}' if scale else ''}",
        "periphery": ", ".join([*(tile if hardware.rows and hardware.cols else []), *bits]),
        "fit": flat(results.fit or {}),
        "drawn": device is not None,
    }


def _law_of(mapping: Any) -> str:
    return str(mapping.get("law", "") if isinstance(mapping, dict) else mapping or "")


def schedules(results: Results) -> list[Figure]:
    """Return a timeline for each method that has a schedule."""
    found = (schedule_figure(step, index) for index, step in enumerate(results.steps))
    return [figure for figure in found if figure is not None]


def notes(results: Results) -> list[tuple[str, str]]:
    """Return every note with what it is about; a note said by several methods stands once."""
    about_mapping = _ABOUT_MAPPINGS.get(_law_of(results.hardware.mapping))
    said = [] if about_mapping is None else [("mapping", about_mapping)]
    said += [("", note) for note in results.hardware.notes]
    said += [(step.name, note) for step in results.steps for note in step.notes]
    if results.data.note:
        said.append(("data", results.data.note))
    about: dict[str, list[str]] = {}
    for name, note in said:
        about.setdefault(note, []).append(name)
    everyone = len(results.steps)
    return [
        (
            "all methods" if len(names) == everyone > 1 else words.listing([n for n in names if n]),
            note,
        )
        for note, names in about.items()
    ]


def effort(results: Results) -> str:
    """Return what the certainty took, in a sentence or two; nothing where it is not known."""
    spent, naive = results.passes.spent, results.passes.naive
    if not spent:
        return ""
    text = f"These figures rest on {words.amount(spent)} forward passes of one example."
    if naive <= spent:
        return text
    return (
        f"{text} A naive run, with chips of its own for every method, would have needed at least "
        f"{words.amount(int(float(f'{naive:.2g}')))} to know what each method gains as surely."
    )


def provenance(results: Results) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return seeds, versions and hashes as titled lists."""
    chips = results.seeds.get("chips")
    seeds = {key: value for key, value in results.seeds.items() if key != "chips"}
    if isinstance(chips, list | tuple) and len(chips) == 2:
        seeds = {"chips": f"{chips[0]} – {chips[1]}", **seeds}
    elif chips is not None:
        seeds = {"chips": chips, **seeds}
    data = {
        "data": results.data.name,
        "role": results.data.role,
        "images": words.amount(results.data.images) if results.data.images else "",
        "written": results.created.replace("T", " "),
    }
    groups = [
        ("seeds", seeds),
        ("data", data),
        ("versions", results.versions),
        ("hashes", results.hashes),
        ("bundles", {step.name: step.bundle for step in results.steps if step.bundle}),
    ]
    return [(name, rows) for name, values in groups if (rows := flat(values))]


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Write nested plain data as rows of name and text; long lists only by their length.

    >>> flat({"chips": [0, 19], "data": {"name": "mnist"}, "note": None})
    [('chips', '0, 19'), ('data · name', 'mnist')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{name} · ")
        elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
            parts = {str(i): v for i, v in enumerate(value, start=1)}
            rows += flat(parts, f"{name} · ")
        elif isinstance(value, list | tuple):
            short = len(value) <= 8 and all(isinstance(v, str | int | float) for v in value)
            text = ", ".join(_one(v) for v in value) if short else f"{len(value)} values"
            rows.append((name, text))
        elif value is not None and value != "":
            rows.append((name, _one(value)))
    return rows


def _one(value: Any) -> str:
    return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)
