"""Every preset and every mapping sits the exam that users' own ones can sit."""

import numpy as np
import pytest

import mho
from mho.device.drift import LogTimeDrift
from mho.testing import check_device, check_mapping


@pytest.mark.parametrize("name", mho.list_devices())
def test_presets_keep_their_promises(name):
    check_device(mho.load_device(name))


@pytest.mark.parametrize("clip_sd", [None, 1.5])
@pytest.mark.parametrize("scale", ["layer", "column"])
@pytest.mark.parametrize("mapping", [mho.DifferentialPair, mho.SingleDevice, mho.SignMagnitude])
def test_mappings_keep_their_promises(mapping, scale, clip_sd):
    check_mapping(mapping(scale=scale, clip_sd=clip_sd))


def test_the_legacy_rule_keeps_those_it_makes():
    check_mapping(mho.CharanLegacy())


class Redrawing(LogTimeDrift):
    """The mistake of today's simulators: a draw from a shared generator at each call."""

    def change(self, g, t_s, score):
        return super().change(g, t_s, np.random.default_rng().normal(size=np.shape(score)))


def test_a_law_that_redraws_fails_the_exam():
    device = mho.load_device("falcone2025")
    broken = device.model_copy(update={"drift": Redrawing(**device.drift.model_dump())})
    with pytest.raises(AssertionError, match="a seed must name its cells"):
        check_device(broken)


class Wrong(mho.DifferentialPair):
    def encode(self, weight, device, *, output_axis=0):
        encoded = super().encode(weight, device, output_axis=output_axis)
        return type(encoded)(
            encoded.g_target_uS, encoded.polarity, encoded.scale * 1.001, encoded.offset
        )


def test_a_mapping_with_a_wrong_scale_fails_the_exam():
    with pytest.raises(AssertionError, match="must give the weights back"):
        check_mapping(Wrong())
