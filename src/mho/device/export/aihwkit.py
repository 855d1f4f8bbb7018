"""A noise-model class for IBM aihwkit: programming, drift and read noise as the law has them."""

from __future__ import annotations

from string import Template

from mho.device.device import Device
from mho.device.drift import NoDrift
from mho.device.export.tables import Tables, tables_of
from mho.device.export.text import class_name, header, numbers
from mho.device.memory import Frozen, Redrawn
from mho.device.read_noise import NoReadNoise

_TEMPLATE = Template('''\
$header

from math import log, sqrt

from torch import Tensor, full_like, rand_like, randn_like, searchsorted, tensor
from torch.autograd import no_grad

from aihwkit.inference.converter.conductance import SinglePairConductanceConverter
from aihwkit.inference.noise.base import BaseNoiseModel

G_MIN, G_MAX = $g_min, $g_max  # µS
T_FIRST, T_LAST = $t_first, $t_last  # s after programming
KEPT = $kept  # correlation of one cell's score between two times
STUCK_AT_G_MAX, STUCK_AT_G_MIN = $stuck_at_lrs, $stuck_at_hrs

# What programming adds to a target (µS), by target (µS) and score.
TARGET = tensor($target)
ERROR_SCORE = tensor($error_score)
ERROR = tensor($error)

# What drift adds to a programmed conductance (µS), by ln t (t in s), conductance (µS) and score.
CHANGE_LN_T = $change_ln_t
CHANGE_G = tensor($change_g)
CHANGE_SCORE = tensor($change_score)
CHANGE = tensor($change)

# Standard deviation of one read (µS), by ln t and conductance.
READ_LN_T = $read_ln_t
READ_G = tensor($read_g)
READ_SD = tensor($read_sd)


def _place(x: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the piece of the grid that holds x, and how far along it x lies."""
    nodes = nodes.to(x)
    index = (searchsorted(nodes, x.contiguous()) - 1).clamp(0, len(nodes) - 2)
    return index, (x - nodes[index]) / (nodes[index + 1] - nodes[index])


def _table(values: Tensor, g: Tensor, g_nodes: Tensor, z: Tensor, z_nodes: Tensor) -> Tensor:
    """Interpolate linearly in conductance (its edge outside) and score (straight on outside)."""
    values = values.to(g)
    i, a = _place(g.clamp(float(g_nodes[0]), float(g_nodes[-1])), g_nodes)
    j, b = _place(z, z_nodes)
    low = (1 - b) * values[i, j] + b * values[i, j + 1]
    high = (1 - b) * values[i + 1, j] + b * values[i + 1, j + 1]
    return (1 - a) * low + a * high


def _at_time(values: Tensor, nodes: list[float], t_inference: float) -> Tensor:
    """Interpolate a table linearly in ln t."""
    ln_t = log(t_inference)
    k = max(0, min(sum(node < ln_t for node in nodes) - 1, len(nodes) - 2))
    share = min(max((ln_t - nodes[k]) / (nodes[k + 1] - nodes[k]), 0.0), 1.0)
    return (1 - share) * values[k] + share * values[k + 1]


class $name(BaseNoiseModel):
    """Noise model of the device '$device'; conductances in µS, times in s since programming."""

    def __init__(self, g_converter=None):
        super().__init__(g_converter or SinglePairConductanceConverter(g_max=G_MAX, g_min=G_MIN))

    @no_grad()
    def apply_programming_noise_to_conductance(self, g_target: Tensor) -> Tensor:
        """Return programmed conductances."""
        score = randn_like(g_target)
        g = (g_target + _table(ERROR, g_target, TARGET, score, ERROR_SCORE)).clamp(min=0.0)
        if STUCK_AT_G_MAX + STUCK_AT_G_MIN > 0:
            fate = rand_like(g_target)
            g = g.where(fate >= STUCK_AT_G_MAX, full_like(g, G_MAX))
            g = g.where(fate < 1 - STUCK_AT_G_MIN, full_like(g, G_MIN))
        return g

    @no_grad()
    def generate_drift_coefficients(self, g_target: Tensor) -> Tensor:
        """Return what each cell keeps for ever: its own score."""
        return randn_like(g_target)

    @no_grad()
    def apply_drift_noise_to_conductance(
        self, g_prog: Tensor, drift_noise_param: Tensor, t_inference: float
    ) -> Tensor:
        """Return conductances as read at ``t_inference``."""
        if t_inference == 0:
            return g_prog
        if not T_FIRST <= t_inference <= T_LAST:
            raise ValueError(
                f"device '$device' is valid from {T_FIRST:g} s to {T_LAST:g} s; "
                f"got t_inference = {t_inference:g} s"
            )
        score = sqrt(KEPT) * drift_noise_param + sqrt(1 - KEPT) * randn_like(g_prog)
        change = _at_time(CHANGE, CHANGE_LN_T, t_inference)
        change = _table(change, g_prog, CHANGE_G, score, CHANGE_SCORE)
        g = (g_prog + change).clamp(min=0.0)
        read_sd = _at_time(READ_SD, READ_LN_T, t_inference).to(g)
        i, a = _place(g.clamp(float(READ_G[0]), float(READ_G[-1])), READ_G)
        g = g + ((1 - a) * read_sd[i] + a * read_sd[i + 1]) * randn_like(g)
        return g.clamp(min=0.0)
''')


def aihwkit_model(device: Device) -> tuple[str, list[str]]:
    """Write a device law as a noise model for aihwkit's inference simulation.

    Returns:
        The text of a Python file with one class, and what it cannot express.
    """
    tables, limits = tables_of(device), _limits(device)
    return _fill(device, tables, limits), limits


def _fill(device: Device, tables: Tables, limits: list[str]) -> str:
    first, last = device.valid.t_s or (0.0, float("inf"))
    return _TEMPLATE.substitute(
        header=header(device, "A noise model for aihwkit", limits),
        name=class_name(device, "NoiseModel"),
        device=device.name,
        g_min=repr(device.g_min_uS),
        g_max=repr(device.g_max_uS),
        t_first=repr(first),
        t_last=repr(last) if last < float("inf") else 'float("inf")',
        kept=repr(round(tables.kept, 4)),
        stuck_at_lrs=repr(device.faults.stuck_at_lrs),
        stuck_at_hrs=repr(device.faults.stuck_at_hrs),
        target=numbers(tables.target_uS),
        error_score=numbers(tables.error_score),
        error=numbers(tables.error_uS),
        change_ln_t=numbers(tables.change_ln_t),
        change_g=numbers(tables.change_g_uS),
        change_score=numbers(tables.change_score),
        change=numbers(tables.change_uS),
        read_ln_t=numbers(tables.read_ln_t),
        read_g=numbers(tables.read_g_uS),
        read_sd=numbers(tables.read_sd_uS),
    )


def _limits(device: Device) -> list[str]:
    limits = []
    if not isinstance(device.memory, Frozen | Redrawn) and not isinstance(device.drift, NoDrift):
        limits.append(
            "- a cell's path: aihwkit keeps one number a cell, so the correlation between two "
            "times is the same for all pairs, not higher for near ones"
        )
    if not isinstance(device.read_noise, NoReadNoise):
        limits.append(
            "- read noise at each read: it is drawn once for each t_inference that is set, and "
            "not at t_inference = 0"
        )
    if device.levels.positions(device.window) is not None:
        limits.append("- levels: weights are not moved to the device's programmable states")
    if device.faults.any and not isinstance(device.drift, NoDrift):
        limits.append("- stuck cells: they start at the window's ends and then drift like others")
    limits.append("- chips: cells come from torch's global generator, so no seed names a chip")
    return limits
