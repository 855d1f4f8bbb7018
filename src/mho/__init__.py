"""mho: will my network stay accurate on my RRAM devices, chip after chip, for ten years?

From measured devices to a statistical law, from a PyTorch network to programmed chips, from chips
to accuracy with confidence intervals over time, and from there to recovery and its cost.

Names are loaded when they are first used, so that ``import mho`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "Device": "mho.device.device",
    "load_device": "mho.device.cards",
    "save_device": "mho.device.cards",
    "list_devices": "mho.device.cards",
    "distinguishable_levels": "mho.device.distinguish",
    "read_levels": "mho.device.distinguish",
    "fit_device": "mho.device.fit.fit_device",
    "DifferentialPair": "mho.crossbar.mapping",
    "SingleDevice": "mho.crossbar.mapping",
    "SignMagnitude": "mho.crossbar.mapping",
    "CharanLegacy": "mho.crossbar.mapping",
    "BitSliced": "mho.crossbar.sliced",
    "Bipolar": "mho.crossbar.drive",
    "TwoPhase": "mho.crossbar.drive",
    "OffsetInputs": "mho.crossbar.drive",
    "BitSerial": "mho.crossbar.drive",
    "OneRead": "mho.crossbar.reading",
    "ReadPerProduct": "mho.crossbar.reading",
    "NoWires": "mho.crossbar.wires",
    "NodalWires": "mho.crossbar.wires",
    "LadderWires": "mho.crossbar.wires",
    "Hardware": "mho.crossbar.hardware",
    "map_network": "mho.network.map_network",
    "program": "mho.network.chip",
    "Chip": "mho.network.chip",
    "MappedNetwork": "mho.network.mapped",
    "evaluate": "mho.evaluation.evaluate",
    "mean_accuracy": "mho.evaluation.mean_accuracy",
    "TwoStage": "mho.evaluation.two_stage",
    "diagnose": "mho.diagnosis.diagnose",
    "cost": "mho.costs.cost",
    "save_bundle": "mho.deploy.bundle",
    "export_onnx": "mho.deploy.onnx.export",
    "load_bundle": "mho.deploy.bundle",
    "run_study": "mho.study.run",
    "plan": "mho.planning.plan",
    "MhoError": "mho.errors",
}
_MODULES = ("recover", "data", "zoo")

if TYPE_CHECKING:
    from mho import data as data
    from mho import recover as recover
    from mho import zoo as zoo
    from mho.costs.cost import cost as cost
    from mho.crossbar.drive import Bipolar as Bipolar
    from mho.crossbar.drive import BitSerial as BitSerial
    from mho.crossbar.drive import OffsetInputs as OffsetInputs
    from mho.crossbar.drive import TwoPhase as TwoPhase
    from mho.crossbar.hardware import Hardware as Hardware
    from mho.crossbar.mapping import CharanLegacy as CharanLegacy
    from mho.crossbar.mapping import DifferentialPair as DifferentialPair
    from mho.crossbar.mapping import SignMagnitude as SignMagnitude
    from mho.crossbar.mapping import SingleDevice as SingleDevice
    from mho.crossbar.reading import OneRead as OneRead
    from mho.crossbar.reading import ReadPerProduct as ReadPerProduct
    from mho.crossbar.sliced import BitSliced as BitSliced
    from mho.crossbar.wires import LadderWires as LadderWires
    from mho.crossbar.wires import NodalWires as NodalWires
    from mho.crossbar.wires import NoWires as NoWires
    from mho.deploy.bundle import load_bundle as load_bundle
    from mho.deploy.bundle import save_bundle as save_bundle
    from mho.deploy.onnx.export import export_onnx as export_onnx
    from mho.device.cards import list_devices as list_devices
    from mho.device.cards import load_device as load_device
    from mho.device.cards import save_device as save_device
    from mho.device.device import Device as Device
    from mho.device.distinguish import distinguishable_levels as distinguishable_levels
    from mho.device.distinguish import read_levels as read_levels
    from mho.device.fit.fit_device import fit_device as fit_device
    from mho.diagnosis.diagnose import diagnose as diagnose
    from mho.errors import MhoError as MhoError
    from mho.evaluation.evaluate import evaluate as evaluate
    from mho.evaluation.mean_accuracy import mean_accuracy as mean_accuracy
    from mho.evaluation.two_stage import TwoStage as TwoStage
    from mho.network.chip import Chip as Chip
    from mho.network.chip import program as program
    from mho.network.map_network import map_network as map_network
    from mho.network.mapped import MappedNetwork as MappedNetwork
    from mho.planning.plan import plan as plan
    from mho.study.run import run_study as run_study

__all__ = sorted([*_WHERE, *_MODULES, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"mho.{name}")
    if name in _WHERE:
        module = importlib.import_module(_WHERE[name])
        value = getattr(module, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'mho' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
