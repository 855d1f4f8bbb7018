"""Networks on another device than the CPU, stood in for by torch's device without memory.

It computes shapes only, and refuses what mixes devices, as an accelerator does.
"""

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.drive import OffsetInputs, TwoPhase
from mho.crossbar.reading import ReadPerProduct
from mho.crossbar.sliced import BitSliced
from mho.device.read_noise import RelativeReadNoise
from mho.network.plan import Plan

DEVICE = mho.load_device("falcone2025").replace(read_noise=RelativeReadNoise(fraction=0.05))
PERIPHERY = {
    "linear": {},
    "converters": {"dac_bits": 6, "adc_bits": 6, "rows": 36},
    "by column, offset": {
        "dac_bits": 6, "adc_bits": 6, "rows": 36, "adc_range": "column", "drive": OffsetInputs(),
    },
    "noise by product, slices": {
        "dac_bits": 6, "adc_bits": 6, "rows": 36, "drive": TwoPhase(),
        "reading": ReadPerProduct(), "mapping": BitSliced(slices=2, bits=3),
    },
}  # fmt: skip


class Network(nn.Module):
    """A layer of each kind."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.up = nn.ConvTranspose2d(8, 8, 2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.rnn = nn.GRU(8, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.up(self.norm(self.conv(x)).relu()).flatten(2).transpose(1, 2)
        x = self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.rnn(x)[0].mean(1))


@pytest.mark.parametrize("kind", PERIPHERY)
def test_no_step_mixes_devices(kind):
    torch.manual_seed(0)
    x = torch.randn(4, 3, 3, 3)
    network = mho.map_network(Network(), mho.Hardware(device=DEVICE, **PERIPHERY[kind]))
    if network.hardware.has_converters:
        network = network.calibrate(x)
    snapshot = network.program(0).snapshot("1 h", read=0)
    branched = snapshot.add_digital({"conv": torch.ones(8, 3, 3, 3)})
    branched = branched.set_gain({"head": torch.full((3, 1), 2.0)})
    for each in (snapshot, branched):
        programmed = network.realise(each).to("meta")
        assert programmed(x.to("meta")).shape == (4, 3)
        plan = Plan(network, torch_device="meta")
        plan.load(each)
        plan._reads.start(0, 32)
        assert plan._module(plan._part(x, 0, 4)).shape == (32, 3)
