"""The effects that hardware has on a network, each with a switch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mho.crossbar.drive import Bipolar
from mho.crossbar.hardware import Hardware
from mho.crossbar.mapping import CharanLegacy, DifferentialPair, Mapping, SignMagnitude
from mho.crossbar.sliced import BitSliced
from mho.crossbar.wires import NoWires
from mho.device.device import Device
from mho.device.die import NoDieOffset
from mho.device.drift import NoDrift
from mho.device.faults import Faults
from mho.device.levels import AnalogueLevels
from mho.device.memory import Frozen
from mho.device.programming import ExactProgramming
from mho.device.read_noise import NoReadNoise


@dataclass(frozen=True)
class Effect:
    """One thing that hardware does to a network.

    Attributes:
        key: Short name, e.g. ``"levels"``.
        what: The effect as this hardware has it, for people.
        advice: What to try where it destroys the accuracy.
    """

    key: str
    what: str
    advice: str


def effects_of(hardware: Hardware, t_s: float) -> list[Effect]:
    """Return the effects that this hardware has at a time, in the order in which they act.

    Args:
        hardware: Device, mapping and periphery.
        t_s: Time since programming in s.
    """
    return [
        *_of_the_mapping(hardware),
        *_of_the_device(hardware, t_s),
        *_of_the_periphery(hardware),
    ]


def _of_the_mapping(hardware: Hardware) -> Iterator[Effect]:
    mapping = hardware.mapping
    if not mapping.exact:
        yield Effect("mapping", _mapping_text(mapping), _mapping_advice(mapping))
    if mapping.stores_all_parameters:
        yield Effect(
            "storage",
            "batch norm and biases stored on RRAM by the same rule",
            "keep batch norm and biases digital",
        )


def _of_the_device(hardware: Hardware, t_s: float) -> Iterator[Effect]:
    device = hardware.device
    states = device.levels.positions(device.window)
    if states is not None:
        # The legacy rule's levels are shown with the scale that it lacks.
        scale = getattr(scaled_mapping(hardware.mapping), "scale", "layer")
        yield Effect(
            "levels",
            f"{states.size} levels a cell, with a scale per {scale}",
            f"more levels, {'a scale per column, ' if scale == 'layer' else ''}or several cells a "
            "weight (mho.BitSliced)",
        )
    if not isinstance(device.programming, ExactProgramming):
        yield Effect(
            "programming",
            "spread left by programming",
            "distillation under variation (mho.recover.Distill), sparse adaptation of each "
            "chip (mho.recover.SparseAdaptation), or a tighter write–verify",
        )
    if not isinstance(device.die, NoDieOffset):
        yield Effect(
            "die",
            "offset that all cells of a die share",
            "a differential pair, or one scale a chip from a read-out (mho.recover.DriftScale)",
        )
    if not isinstance(device.drift, NoDrift) and t_s > 0:
        yield Effect(
            "drift-mean", "mean shift of all cells by drift", _mean_advice(hardware.mapping)
        )
        yield Effect(
            "drift-spread",
            "spread that drift adds",
            "drift compensation on a schedule (mho.recover.VeraPlus), batch-norm "
            "recalibration, or distillation under drifted chips",
        )
    if device.faults.any:
        yield Effect(
            "faults",
            f"cells stuck: {device.faults.stuck_at_lrs:.2%} at LRS, "
            f"{device.faults.stuck_at_hrs:.2%} at HRS",
            "sparse adaptation of each chip (mho.recover.SparseAdaptation), or redundant columns",
        )
    if not isinstance(device.read_noise, NoReadNoise):
        yield Effect("read-noise", "noise of a read", "averaging several reads of a product")


def _of_the_periphery(hardware: Hardware) -> Iterator[Effect]:
    if hardware.dac_bits is not None:
        yield Effect(
            "DAC",
            f"{hardware.dac_bits}-bit inputs",
            "more bits in the DAC, or a range that clips a little: calibrate(quantile=0.999)",
        )
    if hardware.adc_bits is not None:
        yield Effect(
            "ADC",
            f"{hardware.adc_bits}-bit partial sums of tiles of {hardware.rows} rows",
            "more bits in the ADC, a range for each column (adc_range='column'), or a range "
            "that clips a little: calibrate(quantile=0.999)",
        )
    if not isinstance(hardware.wires, NoWires):
        yield Effect("wires", "resistance of the lines", "smaller tiles, or wider lines")


def _mapping_text(mapping: Mapping) -> str:
    if isinstance(mapping, CharanLegacy):
        return "weights clipped to 0.01 … 1 and rounded up to a level, without any scale"
    if isinstance(mapping, BitSliced):
        return f"weights of {mapping.slices} × {mapping.bits} bits"
    if mapping.unclipped.exact:
        return "outliers among the weights that saturate"
    return f"the rule of mapping '{mapping.law}'"  # type: ignore[attr-defined]


def _mapping_advice(mapping: Mapping) -> str:
    if isinstance(mapping, BitSliced):
        return "more slices or more bits a cell"
    if mapping.unclipped.exact:
        return "a larger clip_sd, or sparse adaptation (mho.recover.SparseAdaptation)"
    return "a mapping with a scale per layer (mho.DifferentialPair, mho.SignMagnitude)"


def _mean_advice(mapping: Mapping) -> str:
    if mapping.cells_per_weight > 1:
        return "batch-norm recalibration, or one scale a layer (mho.recover.DriftScale)"
    return (
        "differential pairs, in which it cancels, or a correction by window sums "
        "(mho.recover.VeraPlus(projection='physical'))"
    )


def scaled_mapping(mapping: Mapping) -> Mapping:
    """Return a mapping that gives weights back exactly: itself, or the like of it that does."""
    if mapping.unclipped.exact:
        return mapping.unclipped
    return SignMagnitude() if mapping.cells_per_weight == 1 else DifferentialPair()


def hardware_with(hardware: Hardware, on: Collection[str]) -> Hardware:
    """Return hardware with some of its effects, and ideal in all else.

    Args:
        hardware: The hardware.
        on: Keys of the effects to keep.
    """
    drive = hardware.drive if "DAC" in on else Bipolar()
    mapping = hardware.mapping
    return Hardware.parse(
        {
            **{name: getattr(hardware, name) for name in type(hardware).model_fields},
            "device": _device_with(hardware.device, on),
            "mapping": mapping if "mapping" in on else scaled_mapping(mapping),
            "dac_bits": hardware.dac_bits if "DAC" in on else None,
            "adc_bits": hardware.adc_bits if "ADC" in on else None,
            "drive": drive,
            "wires": hardware.wires if "wires" in on else NoWires(),
        },
        where="diagnosis",
    )


def _device_with(device: Device, on: Collection[str]) -> Device:
    """Return a device law with some of its effects."""
    drifts = {"drift-mean", "drift-spread"} & set(on)
    drift = device.drift
    if len(drifts) == 1:
        mean = float("drift-mean" in drifts)
        drift = device.with_drift_severity(mean=mean, spread=1 - mean).drift
    return device.replace(
        # The legacy rule rounds up to the device's levels, so they belong to it.
        levels=device.levels if {"levels", "mapping", "storage"} & set(on) else AnalogueLevels(),
        programming=device.programming if "programming" in on else ExactProgramming(),
        die=device.die if "die" in on else NoDieOffset(),
        drift=drift if drifts else NoDrift(),
        memory=device.memory if drifts else Frozen(),
        faults=device.faults if "faults" in on else Faults(),
        read_noise=device.read_noise if "read-noise" in on else NoReadNoise(),
        temperature=None,
        fit=None,
        ensemble=None,
    )
