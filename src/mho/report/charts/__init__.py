"""Chart primitives: scales, axes and marks that become small, accessible, themeable SVG.

Everything here is pure: numbers in, escaped markup out. Colours are CSS classes (``s0`` … ``s7``
for series, ``ink``, ``soft`` …) that the page's style sheet sets for light, dark and print, so a
chart holds shapes and text only. Typical use::

    plot = Plot(LogTimeScale(1, 3e8), LinearScale(-2, 1), width=480, height=280)
    body = plot.axes(x="time since programming", y="change (µS)")
    body += band(plot, times, low, high, series=0) + line(plot, times, mean, series=0)
    svg = plot.svg(body, label="Mean change over time")
"""
