"""A plot: two scales over a rectangle, its axes, and the SVG around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from markupsafe import Markup

from mho.report.charts.scale import LinearScale, Scale
from mho.report.charts.svg import el, group, join


@dataclass(frozen=True)
class Margin:
    """Room around the plotting area, in pixels."""

    top: float = 14
    right: float = 16
    bottom: float = 44
    left: float = 48


class Plot:
    """A rectangle with an x and a y scale; y grows upwards.

    Args:
        x: Scale of the horizontal axis; its pixels are set here.
        y: Scale of the vertical axis; its pixels are set here.
        width: Outer width in pixels.
        height: Outer height in pixels.
        margin: Room for axes and labels.
        at: Where the plot's outer corner lies inside its SVG.
    """

    def __init__(
        self,
        x: Scale,
        y: Scale,
        *,
        width: float,
        height: float,
        margin: Margin = Margin(),
        at: tuple[float, float] = (0, 0),
    ) -> None:
        self.width, self.height = width, height
        self.left, self.top = at[0] + margin.left, at[1] + margin.top
        self.right = at[0] + width - margin.right
        self.bottom = at[1] + height - margin.bottom
        if isinstance(x, LinearScale):  # texts side by side need more room than one above another
            x = replace(x, spacing=1.5 * x.spacing)
        self.x: Scale = x.onto(self.left, self.right)
        self.y: Scale = y.onto(self.bottom, self.top)

    def axes(self, *, x: str = "", y: str = "", grid: bool = True, values: bool = True) -> Markup:
        """Draw ticks and their texts, fine horizontal lines, and the axes' names.

        Args:
            x: Name of the horizontal axis, below it.
            y: Name of the vertical axis, above it.
            grid: Whether to draw a fine line at each y tick.
            values: Whether the y axis has ticks at all (rows with names have none).
        """
        lines, texts = [], []
        for tick in self.y.ticks() if values else ():
            at = self.y(tick.value)
            if grid:
                lines.append(el("path", d=f"M{self.left:.0f} {at:.1f}H{self.right:.0f}"))
            texts.append(el("text", tick.text, x=self.left - 8, y=at + 4, text_anchor="end"))
        for tick in self.x.ticks():
            at = self.x(tick.value)
            lines.append(el("path", d=f"M{at:.1f} {self.bottom:.0f}v5", class_="tick"))
            if tick.text:
                texts.append(el("text", tick.text, x=at, y=self.bottom + 19, text_anchor="middle"))
        base = el("path", d=f"M{self.left:.0f} {self.bottom:.0f}H{self.right:.0f}", class_="base")
        middle = (self.left + self.right) / 2
        names = [
            el("text", x, x=middle, y=self.bottom + 38, text_anchor="middle", class_="name")
            if x
            else "",
            el("text", y, x=self.left - 40, y=self.top - 16, class_="name") if y else "",
        ]
        return join([group(*lines, class_="grid"), base, group(*texts, class_="ticks"), *names])

    def svg(self, *body: str, label: str, **attributes: str) -> Markup:
        """Wrap marks into one picture with an alternative text."""
        return picture(*body, width=self.width, height=self.height, label=label, **attributes)


def picture(
    *body: str, width: float, height: float, label: str, class_: str = "", **attributes: str
) -> Markup:
    """Build ``<svg role="img">`` that scales with its column up to its natural width.

    >>> picture(width=10, height=5, label="nothing")[:30]
    Markup('<svg xmlns="http://www.w3.org/')
    """
    return el(
        "svg",
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        style=f"max-width:{width:g}px",
        role="img",
        aria_label=label,
        class_=f"chart {class_}".strip(),
        **attributes,
    )
