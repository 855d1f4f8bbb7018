"""Results in, pages out: self-contained HTML that opens anywhere, also in ten years. No torch."""

from __future__ import annotations

from mho.report.device_page import render_device
from mho.report.page import render

__all__ = ["render", "render_device"]
