"""Chips that read their own response to known inputs, and subtract what it is off by."""

from mho.recover.readout.drift_shift import DriftShift
from mho.recover.readout.probe_correction import ProbeCorrection

__all__ = ["DriftShift", "ProbeCorrection"]
