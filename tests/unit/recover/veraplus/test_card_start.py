"""Where training starts: what the card says of a mean shift, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import mho
from mho.crossbar.mapping import DifferentialPair, SignMagnitude, SingleDevice
from mho.network.mapped import MappedNetwork
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.card_start import CardStart, card_coefficients
from mho.recover.veraplus.geometry import geometries_of
from mho.recover.veraplus.projections import draw_projections
from mho.units import seconds

LIFE_S = seconds("10y")
T_S = seconds("1 d")


class _Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.grouped = nn.Conv2d(5, 10, 3, groups=5)
        self.turned = nn.ConvTranspose2d(10, 4, 2, groups=2)
        self.full = nn.Linear(6, 4)


def _mapped(mapping, *, spread: float = 1.0) -> MappedNetwork:
    torch.manual_seed(0)
    device = mho.load_device("falcone2025").with_drift_severity(spread=spread)
    device = device.replace(programming={"law": "exact"}, read_noise={"law": "none"})
    return mho.map_network(_Small(), mho.Hardware(device=device, mapping=mapping))


def _branches(network: MappedNetwork, rank: int = 1, projection="physical") -> Branches:
    geometries = geometries_of(network)
    return Branches(geometries, draw_projections(geometries, rank, projection=projection, seed=0))


def _left(network: MappedNetwork, branches: Branches, b: Tensor, d: Tensor, t_s: float) -> float:
    """Return the largest error that is left after compensation, over the largest weight."""
    drifted = network.program(0).snapshot(t_s).add_digital(branches.weights(b, d))
    wanted = {layer.name: torch.from_numpy(layer.encoded.decode(layer.encoded.g_target_uS))
              for layer in network.layers}  # fmt: skip
    largest = max(float(w.abs().max()) for w in wanted.values())
    return max(float((drifted.weight(n) - w).abs().max()) for n, w in wanted.items()) / largest


@pytest.mark.parametrize("scale", ["layer", "column"])
@pytest.mark.parametrize("rank", [1, 3])
def test_a_mean_shift_of_single_devices_is_taken_away_exactly(scale, rank) -> None:
    """Without spread, drift is the mean shift alone; what is left is float rounding."""
    network = _mapped(SingleDevice(scale=scale), spread=0.0)
    branches = _branches(network, rank)
    start = CardStart(network, branches, LIFE_S)
    nothing = torch.zeros(sum(branches.b_sizes)), torch.zeros(sum(branches.d_sizes))
    assert _left(network, branches, *nothing, T_S) > 0.02
    assert _left(network, branches, *start.values(T_S), T_S) < 1e-5


def test_moving_between_levels_adds_what_the_card_says() -> None:
    network = _mapped(SingleDevice(), spread=0.0)
    branches = _branches(network)
    start = CardStart(network, branches, LIFE_S)
    b, d = start.values(1.0)  # falcone2025 has no mean shift at 1 s
    assert torch.equal(d, torch.zeros_like(d))
    moved = start.move(b, d, 1.0, T_S)
    assert _left(network, branches, *moved, T_S) < 1e-5


def test_coefficient_is_the_shift_in_weight_units() -> None:
    network = _mapped(SingleDevice())
    layer, geometry = network.layer("full"), geometries_of(network)[-1]
    device = network.hardware.device
    shift = -0.08900206 * torch.tensor(86_400.0).log()
    expected = -shift * float(layer.encoded.scale.ravel()[0])
    kappa = card_coefficients(layer, geometry, device, T_S)
    torch.testing.assert_close(kappa, expected.expand(4), rtol=1e-4, atol=0)


def test_differential_pairs_start_as_vera_does() -> None:
    """The mean cancels in a pair: the card promises nothing."""
    network = _mapped(DifferentialPair())
    branches = _branches(network, rank=2)
    b, d = CardStart(network, branches, LIFE_S).values(T_S)
    assert torch.equal(b, torch.zeros_like(b))
    assert torch.equal(d, torch.full_like(d, 0.1))


def test_random_projections_start_as_vera_does() -> None:
    network = _mapped(SingleDevice())
    branches = _branches(network, rank=2, projection="random")
    b, d = CardStart(network, branches, LIFE_S).values(T_S)
    assert not bool(b.any())
    assert torch.equal(d, torch.full_like(d, 0.1))
    moved_b, moved_d = CardStart(network, branches, LIFE_S).move(b, d, 1.0, T_S)
    assert torch.equal(moved_b, b)
    assert torch.equal(moved_d, d)


def test_sign_magnitude_takes_away_the_mean_over_an_output_s_weights() -> None:
    """A weight moves by -sign(w) scale shift; the coefficient is the mean of that over inputs."""
    network = _mapped(SignMagnitude())
    layer, geometry = network.layer("full"), geometries_of(network)[-1]
    weight = network.model.get_parameter("full.weight")
    shift = 0.08900206 * torch.tensor(86_400.0).log()
    expected = shift * float(layer.encoded.scale.ravel()[0]) * weight.sign().mean(dim=1)
    kappa = card_coefficients(layer, geometry, network.hardware.device, T_S)
    torch.testing.assert_close(kappa, expected, rtol=1e-4, atol=1e-6)


def test_level_dependent_drift_uses_each_cell_s_own_mean_shift() -> None:
    """PCM decays in proportion to g: outputs of large weights shift more."""
    model = nn.Linear(2, 2, bias=False)
    model.weight.data = torch.tensor([[1.0, 1.0], [0.1, 0.0]])
    hardware = mho.Hardware(device="nandakumar2019-pcm", mapping=SingleDevice())
    network = mho.map_network(model, hardware)
    layer, geometry = network.layers[0], geometries_of(network)[0]
    kappa = card_coefficients(layer, geometry, hardware.device, 1e6)
    cells = layer.encoded.g_target_uS[0]
    shift = hardware.device.mean_shift(cells, 1e6)
    expected = torch.tensor(-(shift * layer.encoded.scale).mean(axis=1)).float()
    torch.testing.assert_close(kappa, expected, rtol=1e-2, atol=1e-5)
    assert float(kappa[0]) > 3 * float(kappa[1]) > 0
