"""A device law in the form that another simulator reads, with what it cannot express said."""

from __future__ import annotations

from mho.device.export.export import Exported, Tool, export_device

__all__ = ["Exported", "Tool", "export_device"]
