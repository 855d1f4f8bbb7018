"""A device class for Sandia CrossSim: programming error, drift error and read noise."""

from __future__ import annotations

from string import Template

from mho.device.device import Device
from mho.device.drift import NoDrift
from mho.device.export.tables import tables_of
from mho.device.export.text import class_name, header, numbers
from mho.device.memory import Redrawn

_TEMPLATE = Template('''\
$header

from math import log

from simulator.backend import ComputeBackend
from simulator.devices.idevice import EmptyDevice

xp = ComputeBackend()

G_MIN, G_MAX = $g_min, $g_max  # µS
T_FIRST, T_LAST = $t_first, $t_last  # s after programming
STUCK_AT_G_MAX, STUCK_AT_G_MIN = $stuck_at_lrs, $stuck_at_hrs

# What programming adds to a target (µS), by target (µS) and score.
TARGET = $target
ERROR_SCORE = $error_score
ERROR = $error

# What drift adds to a programmed conductance (µS), by ln t (t in s), conductance (µS) and score.
CHANGE_LN_T = $change_ln_t
CHANGE_G = $change_g
CHANGE_SCORE = $change_score
CHANGE = $change

# Standard deviation of one read (µS), by ln t and conductance.
READ_LN_T = $read_ln_t
READ_G = $read_g
READ_SD = $read_sd


def _place(x, nodes):
    """Return the piece of the grid that holds x, and how far along it x lies."""
    nodes = xp.asarray(nodes)
    index = xp.clip(xp.searchsorted(nodes, x) - 1, 0, len(nodes) - 2)
    return index, (x - nodes[index]) / (nodes[index + 1] - nodes[index])


def _table(values, g, g_nodes, z, z_nodes):
    """Interpolate linearly in conductance (its edge outside) and score (straight on outside)."""
    values = xp.asarray(values)
    i, a = _place(xp.clip(g, g_nodes[0], g_nodes[-1]), g_nodes)
    j, b = _place(z, z_nodes)
    low = (1 - b) * values[i, j] + b * values[i, j + 1]
    high = (1 - b) * values[i + 1, j] + b * values[i + 1, j + 1]
    return (1 - a) * low + a * high


def _at_time(values, nodes, time):
    """Interpolate a table linearly in ln t."""
    ln_t = log(time)
    k = max(0, min(sum(node < ln_t for node in nodes) - 1, len(nodes) - 2))
    share = min(max((ln_t - nodes[k]) / (nodes[k + 1] - nodes[k]), 0.0), 1.0)
    return (1 - share) * xp.asarray(values[k]) + share * xp.asarray(values[k + 1])


class $name(EmptyDevice):
    """Device '$device'. Set Rmin = $r_min ohm and Rmax = $r_max ohm; time is in seconds."""

    def programming_error(self, input_):
        """Return programmed conductances, normalised."""
        return self._normalised(self._programmed(self._conductance(input_)))

    def drift_error(self, input_, time):
        """Return conductances at ``time`` (s), normalised, with the programming error in them."""
        g = self._programmed(self._conductance(input_))
        if time == 0:
            return self._normalised(g)
        self._check(time)
        score = xp.random.normal(size=g.shape)
        change = _table(_at_time(CHANGE, CHANGE_LN_T, time), g, CHANGE_G, score, CHANGE_SCORE)
        return self._normalised(xp.maximum(g + change, 0))

    def read_noise(self, input_):
        """Return what one read sees, normalised."""
        sd_of_g = xp.asarray($read_at_0)
        if self.time > 0:
            self._check(self.time)
            sd_of_g = _at_time(READ_SD, READ_LN_T, self.time)
        g = self._conductance(input_)
        i, a = _place(xp.clip(g, READ_G[0], READ_G[-1]), READ_G)
        sd = (1 - a) * sd_of_g[i] + a * sd_of_g[i + 1]
        return self._normalised(xp.maximum(g + sd * xp.random.normal(size=g.shape), 0))

    def _programmed(self, g):
        score = xp.random.normal(size=g.shape)
        g = xp.maximum(g + _table(ERROR, g, TARGET, score, ERROR_SCORE), 0)
        if STUCK_AT_G_MAX + STUCK_AT_G_MIN > 0:
            fate = xp.random.uniform(size=g.shape)
            g = xp.where(fate < STUCK_AT_G_MAX, G_MAX, g)
            g = xp.where(fate >= 1 - STUCK_AT_G_MIN, G_MIN, g)
        return g

    def _conductance(self, input_):
        """Turn CrossSim's normalised conductances into µS."""
        return G_MIN + (G_MAX - G_MIN) * (input_ - self.Gmin_norm) / self.Grange_norm

    def _normalised(self, g):
        """Turn µS into CrossSim's normalised conductances."""
        return self.Gmin_norm + self.Grange_norm * (g - G_MIN) / (G_MAX - G_MIN)

    def _check(self, time):
        if not T_FIRST <= time <= T_LAST:
            raise ValueError(
                f"device '$device' is valid from {T_FIRST:g} s to {T_LAST:g} s; "
                f"got time = {time:g} s"
            )
''')


def crosssim_device(device: Device) -> tuple[str, list[str]]:
    """Write a device law as a custom device for CrossSim (a file for ``devices/custom/``).

    Returns:
        The text of a Python file with one class, and what it cannot express.
    """
    tables, limits = tables_of(device), _limits(device)
    first, last = device.valid.t_s or (0.0, float("inf"))
    at_0 = device.read_noise.sd(tables.read_g_uS, 0.0)
    low, high = device.window
    text = _TEMPLATE.substitute(
        header=header(device, "A device for CrossSim", limits),
        name=class_name(device, "Device"),
        device=device.name,
        g_min=repr(low),
        g_max=repr(high),
        r_min=f"{1e6 / high:.6g}",
        r_max=f"{1e6 / low:.6g}" if low > 0 else "1e30",
        t_first=repr(first),
        t_last=repr(last) if last < float("inf") else 'float("inf")',
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
        read_at_0=numbers(at_0, "            "),
    )
    return text, limits


def _limits(device: Device) -> list[str]:
    limits = []
    if not isinstance(device.drift, NoDrift):
        if not isinstance(device.memory, Redrawn):
            limits.append(
                "- a cell's path: CrossSim draws the whole error anew for each time, so a cell at "
                "one hour and the same cell at one year have nothing in common"
            )
        if device.faults.any:
            limits.append("- stuck cells: they start at the window's ends and drift like others")
    if device.levels.positions(device.window) is not None:
        limits.append(
            "- levels that are not a power of two or not uniform: CrossSim's cell_bits sets them"
        )
    limits.append("- chips: cells come from the global generator, so no seed names a chip")
    return limits
