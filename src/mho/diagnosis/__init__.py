"""Why accuracy is lost: effects one at a time and together, layer by layer."""

from __future__ import annotations

from mho.diagnosis.diagnose import diagnose
from mho.diagnosis.result import Diagnosis

__all__ = ["Diagnosis", "diagnose"]
