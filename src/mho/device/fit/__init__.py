"""Measured tables to device laws, with their misfit."""

from __future__ import annotations

from mho.device.fit.fit import Fit, Goodness
from mho.device.fit.fit_device import fit_device

__all__ = ["Fit", "Goodness", "fit_device"]
