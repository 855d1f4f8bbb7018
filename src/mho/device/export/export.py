"""Write a device law for another simulator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from mho.device.device import Device
from mho.device.export.aihwkit import aihwkit_model
from mho.device.export.crosssim import crosssim_device
from mho.device.export.neurosim import neurosim_states
from mho.errors import unknown
from mho.files import atomic_write
from mho.units import Time, seconds

Tool: TypeAlias = Literal["aihwkit", "crosssim", "neurosim"]


class Exported(NamedTuple):
    """The text of a file for another tool, and what that tool cannot express of the law."""

    text: str
    limits: list[str]


def export_device(
    device: Device,
    to: Tool,
    path: str | os.PathLike[str] | None = None,
    *,
    t: Time | None = None,
    levels: int | None = None,
) -> Exported:
    """Write a device law in the form that another simulator reads.

    Use it to compare simulators on the same cells, or to go on with a tool you know.

    Args:
        device: The device law.
        to: ``"aihwkit"``: a Python file with a noise-model class; ``"crosssim"``: one with a
            device class; ``"neurosim"``: ``mem_states.csv``.
        path: File to write; None writes none.
        t: For neurosim: the moment its table holds; None is the device's reference time.
        levels: For neurosim: so many uniform states; None takes the device's own.

    Returns:
        The text, and what the tool cannot express of this law.

    Raises:
        ConfigError: The tool is unknown, or cannot hold so many states.
        OutOfRangeError: The time lies outside the valid range.
        StoreError: The file cannot be written there.

    Example:
        >>> import mho
        >>> text = export_device(mho.load_device("wan2022"), "neurosim", levels=4).text
        >>> text.splitlines()[0]
        'states,mean,std'
    """
    if to == "aihwkit":
        exported = Exported(*aihwkit_model(device))
    elif to == "crosssim":
        exported = Exported(*crosssim_device(device))
    elif to == "neurosim":
        t_s = device.t0_s if t is None else seconds(t)
        exported = Exported(*neurosim_states(device, t_s=t_s, levels=levels))
    else:
        raise unknown("tool", to, get_args(Tool))
    if path is not None:
        atomic_write(Path(path), exported.text)
    return exported
