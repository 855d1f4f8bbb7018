"""Coverage: how much of the network lies on crossbars."""

from __future__ import annotations

from markupsafe import Markup

from mho.report.charts.plot import picture
from mho.report.charts.svg import el, group
from mho.report.figures.figure import Figure
from mho.report.schema import LayerInfo, NetworkInfo
from mho.report.words import amount, large, percent


def coverage_figure(network: NetworkInfo) -> Figure | None:
    """Draw the share of parameters and of MACs on crossbars, layer by layer.

    Args:
        network: The network and where its layers went.

    Returns:
        The figure, or None where the results do not list layers.
    """
    if not network.coverage:
        return None
    crossbar = sum(layer.where == "crossbar" for layer in network.coverage)
    kept = [x for x in network.coverage if x.where != "crossbar" and x.parameters]
    caption = (
        f"{crossbar} {'matrix' if crossbar == 1 else 'matrices'} on crossbars (filled, one piece "
        f"each); {amount(sum(x.parameters for x in kept))} parameters stay digital (hatched)."
    )
    return Figure(
        name="coverage",
        wide=_draw(network, width=1040),
        narrow=_draw(network, width=380),
        caption=caption,
    )


def share_on_crossbars(network: NetworkInfo, what: str) -> float | None:
    """Return the share of ``"parameters"`` or ``"macs"`` that lies on crossbars."""
    stated = getattr(network, f"share_{what}")
    if stated is not None:
        return float(stated)
    total = sum(getattr(layer, what) for layer in network.coverage)
    inside = sum(getattr(x, what) for x in network.coverage if x.where == "crossbar")
    return inside / total if total else None


def _draw(network: NetworkInfo, *, width: float) -> Markup:
    names = {"parameters": "parameters", "macs": "MACs"}
    parts, top = [], 4.0
    for what, name in names.items():
        share = share_on_crossbars(network, what)
        if share is None:
            continue
        total = sum(getattr(layer, what) for layer in network.coverage)
        text = f"{percent(share)} of {large(total)} {name} on crossbars"
        parts.append(el("text", text, x=0.0, y=top + 13))
        parts.append(_bar(network.coverage, what, total, top + 20, width))
        top += 58
    label = "Share of parameters and of MACs on crossbars."
    return picture(*parts, width=width, height=top - 4, label=label, class_="coverage")


def _bar(layers: tuple[LayerInfo, ...], what: str, total: int, top: float, width: float) -> Markup:
    ordered = sorted(layers, key=lambda layer: layer.where != "crossbar")
    marks, left, filled = [], 0.0, 0
    for layer in ordered:
        size = width * getattr(layer, what) / total if total else 0.0
        if size <= 0:
            continue
        inside = layer.where == "crossbar"
        kind = f"set set{filled % 2}" if inside else "beyond"
        filled += inside
        title = f"{layer.layer}: {percent(getattr(layer, what) / total)}"
        marks.append(
            el("rect", el("title", title), x=left, y=top, width=max(size, 0.5), height=18,
               class_=kind)
        )  # fmt: skip
        left += size
    return group(*marks, class_="sets")
