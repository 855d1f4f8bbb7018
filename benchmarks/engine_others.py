"""Other tools beside ours, where they install; what does not is said, not hidden."""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import importlib.util
import io
from typing import Any

import torch

from engine_work import Setting, images_for, network_of, plain_loop
from timing import compare

TOOL = "aihwkit-lightning"
NOT_RUN = {"aihwkit": "aihwkit", "CrossSim": "simulator"}
"""Tools whose known figures stand in the page, and the module that each installs."""


def absent() -> list[str]:
    """Return which of the tools that are not run here are not even installed."""
    return [tool for tool, module in NOT_RUN.items() if importlib.util.find_spec(module) is None]


def lightning(name: str, batch: int, setting: Setting, *, converters: bool) -> dict[str, Any]:
    """Time aihwkit-lightning on the same network and batch, against the same plain program.

    Its weight noise is normal and drawn anew at each forward: there is no chip and no drift, so it
    does less than ours. With converters it gets 8-bit inputs and outputs and tiles of 128 inputs.
    """
    try:
        version = importlib.metadata.version(TOOL)
        with contextlib.redirect_stdout(io.StringIO()):
            from aihwkit_lightning.nn.conversion import convert_to_analog
            from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig
            from aihwkit_lightning.simulator.parameters import WeightNoiseInjectionType
    except ImportError as error:
        return {"tool": TOOL, "missing": f"{type(error).__name__}: {error}"}
    config = TorchInferenceRPUConfig()
    config.modifier.noise_type = WeightNoiseInjectionType.ADD_NORMAL
    config.modifier.std_dev = 0.02
    if converters:
        config.forward.inp_res = config.forward.out_res = 2**8 - 2
        config.forward.out_bound = 10.0
        config.mapping.max_input_size = 128
        config.pre_post.input_range.enable = True
    model = network_of(name)
    x = images_for(model, batch)
    with contextlib.redirect_stdout(io.StringIO()):
        analogue = convert_to_analog(copy.deepcopy(model), config).eval()
        for layer in analogue.modules():  # its layers make noise in training mode only
            layer.training = hasattr(layer, "rpu_config")
    loop = plain_loop(analogue, x, batch)
    with torch.inference_mode():
        changes = not torch.equal(analogue(x[:8]), analogue(x[:8]))
    ratio = compare(
        loop, plain_loop(model, x, batch), pairs=min(setting.pairs, 7), clock=setting.clock
    )
    return {"tool": TOOL, "version": version, "ratio": ratio, "noise_is_on": changes}
