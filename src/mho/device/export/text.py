"""What the generated files share: names, headers and tables as text."""

from __future__ import annotations

import re
import textwrap

import mho
from mho.device.describe import describe
from mho.device.device import Device
from mho.device.law import Array


def class_name(device: Device, suffix: str) -> str:
    """Turn a device's name into the name of a class.

    >>> import mho
    >>> class_name(mho.load_device("nandakumar2019-pcm"), "NoiseModel")
    'Nandakumar2019PcmNoiseModel'
    """
    words = re.findall(r"[A-Za-z0-9]+", device.name)
    name = "".join(word[:1].upper() + word[1:] for word in words) or "Device"
    return f"{'Device' if name[0].isdigit() else ''}{name}{suffix}"


def numbers(array: Array, indent: str = "    ") -> str:
    """Write an array as nested lists, a few numbers a line.

    >>> import numpy as np
    >>> numbers(np.array([1.0, 2.5]))
    '[1.0, 2.5]'
    """
    if array.ndim > 1:
        rows = ",\n".join(indent + numbers(row, indent + "    ") for row in array)
        return f"[\n{rows},\n{indent[:-4]}]"
    text = "[" + ", ".join(repr(float(f"{x:.7g}")) for x in array.tolist()) + "]"
    return textwrap.fill(text, 99, subsequent_indent=indent, break_on_hyphens=False)


def header(device: Device, about: str, limits: list[str]) -> str:
    """Write the docstring of a generated file: what it is, from where, and what it leaves out."""
    law = [f"{label}: {text}" for label, text in describe(device)]
    lines = [
        f"{about}, written by mho {mho.__version__} from the device law '{device.name}'.",
        "",
        "The law:",
        *law,
        "",
        "What the law holds and this file cannot say:",
        *(limits or ["nothing"]),
    ]
    wrapped = [
        textwrap.fill(line, 97, subsequent_indent="    ", break_long_words=False) for line in lines
    ]
    body = "\n".join(wrapped).replace("\\", "/").replace('"""', "'''")
    return f'"""{body}\n"""'
