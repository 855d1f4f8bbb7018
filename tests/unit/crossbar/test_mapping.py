"""Mappings: round trips, level grids, known conductances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mho
from mho.device.levels import UniformLevels
from mho.device.programming import ExactProgramming

IDEAL = mho.load_device("ideal")
EXACT = [
    mho.DifferentialPair(),
    mho.DifferentialPair(scale="column"),
    mho.SingleDevice(),
    mho.SingleDevice(scale="column"),
    mho.SignMagnitude(),
    mho.SignMagnitude(scale="column"),
]
WEIGHTS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=5),
    elements=st.floats(-4, 4, width=32),
)


@pytest.mark.parametrize("mapping", EXACT, ids=lambda m: f"{m.law}-{m.scale}")
@given(weight=WEIGHTS)
@settings(max_examples=40, deadline=None)
def test_an_ideal_device_gives_the_weights_back(mapping, weight):
    encoded = mapping.encode(weight, IDEAL)
    low, high = IDEAL.window
    assert encoded.g_target_uS.shape == (mapping.cells_per_weight, *weight.shape)
    assert encoded.g_target_uS.min() >= low - 1e-4
    assert encoded.g_target_uS.max() <= high + 1e-4
    span = max(np.abs(weight).max(), 1e-6)
    np.testing.assert_allclose(encoded.decode(encoded.g_target_uS), weight, atol=4e-6 * span)


def test_a_differential_pair_leaves_its_unused_cell_at_g_min():
    device = mho.load_device("falcone2025")
    g = mho.DifferentialPair().encode(np.array([[1.0, -0.5]]), device).g_target_uS
    middle = device.g_min_uS + (device.g_max_uS - device.g_min_uS) / 2
    np.testing.assert_allclose(
        g[:, 0], [[device.g_max_uS, device.g_min_uS], [device.g_min_uS, middle]], rtol=1e-6
    )


def test_a_single_device_spans_the_window_from_smallest_to_largest_weight():
    device = mho.load_device("falcone2025")
    g = mho.SingleDevice().encode(np.array([[-0.2, 0.0, 0.6]]), device).g_target_uS[0, 0]
    span = device.g_max_uS - device.g_min_uS
    np.testing.assert_allclose(g, device.g_min_uS + np.array([0, 0.25, 1]) * span, rtol=1e-5)


def test_a_common_shift_cancels_in_a_pair_and_moves_every_single_weight_alike():
    device = mho.load_device("falcone2025")
    weight = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)
    for mapping, expected in ((mho.DifferentialPair(), 0.0), (mho.SingleDevice(), None)):
        encoded = mapping.encode(weight, device)
        moved = encoded.decode(encoded.g_target_uS - 1.742) - weight
        if expected is None:
            width = float(weight.max() - weight.min())
            expected = -1.742 / (device.g_max_uS - device.g_min_uS) * width  # 2.2 % of the range
        np.testing.assert_allclose(moved, expected, atol=2e-6 * np.abs(weight).max())


@pytest.mark.parametrize("mapping", EXACT, ids=lambda m: f"{m.law}-{m.scale}")
def test_weights_take_only_the_levels_that_the_device_has(mapping):
    device = IDEAL.replace(levels=UniformLevels(count=10), programming=ExactProgramming())
    weight = np.random.default_rng(1).normal(size=(4, 50)).astype(np.float32)
    g = mapping.encode(weight, device).g_target_uS
    steps = (g - device.g_min_uS) / (device.g_max_uS - device.g_min_uS) * 9
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
    back = mapping.encode(weight, device).decode(g)
    assert np.unique(back.round(5)).size > 10 or mapping.scale == "layer"
    span = np.ptp(weight) if mapping.law == "single-device" else np.abs(weight).max()
    assert np.abs(back - weight).max() <= span / 9 / 2 * 1.0001  # half a level


def test_scale_per_column_fills_the_window_in_every_column_and_along_any_axis():
    weight = np.array([[0.1, -0.05], [2.0, 1.0]], dtype=np.float32)
    for axis, matrix in ((0, weight), (1, weight.T)):
        encoded = mho.DifferentialPair(scale="column").encode(matrix, IDEAL, output_axis=axis)
        largest = encoded.g_target_uS.max(axis=(0, 2 if axis == 0 else 1))
        np.testing.assert_allclose(largest, IDEAL.g_max_uS)


def test_the_legacy_rule_blows_small_weights_up_to_the_first_level():
    device = mho.load_device("charan2020")
    encoded = mho.CharanLegacy().encode(np.array([[0.001, -0.03, 0.11, 7.0, 0.0]]), device)
    np.testing.assert_allclose(
        encoded.decode(encoded.g_target_uS), [[0.1, -0.1, 0.2, 1.0, 0.0]], rtol=1e-6
    )


def test_decode_keeps_leading_axes():
    encoded = mho.DifferentialPair().encode(np.eye(3, dtype=np.float32), IDEAL)
    stacked = np.stack([encoded.g_target_uS] * 4)
    assert encoded.decode(stacked).shape == (4, 3, 3)


def test_a_misspelt_setting_names_the_right_one():
    with pytest.raises(mho.MhoError, match="unknown key 'scael'. Did you mean 'scale'"):
        mho.DifferentialPair(scael="layer")


OUTLIER = np.random.default_rng(2).normal(size=(8, 400)).astype(np.float32)
OUTLIER[3, 5] = 40.0


@pytest.mark.parametrize("law", ["DifferentialPair", "SingleDevice", "SignMagnitude"])
def test_outliers_saturate_at_so_many_standard_deviations_of_their_column(law):
    mapping = getattr(mho, law)(scale="column", clip_sd=5)
    held = mapping.encode(OUTLIER, IDEAL).decode(mapping.encode(OUTLIER, IDEAL).g_target_uS)
    rms = np.sqrt((OUTLIER.astype(np.float64) ** 2).mean(axis=1))
    np.testing.assert_allclose(held[3, 5], 5 * rms[3], rtol=1e-5)
    np.testing.assert_allclose(held, mapping.held(OUTLIER), atol=1e-4)
    others = OUTLIER != 40
    np.testing.assert_allclose(held[others], OUTLIER[others], atol=1e-4)
    by_input = mapping.held(np.ascontiguousarray(OUTLIER.T), output_axis=1)
    np.testing.assert_array_equal(by_input.T, mapping.held(OUTLIER))


def test_without_its_outlier_a_column_is_held_more_exactly_after_ten_years():
    """The error of all others is in proportion to the largest weight: 40 against 5 rms = 11.2."""
    device = mho.load_device("falcone2025")
    errors = []
    for clip_sd in (None, 5):
        mapping = mho.DifferentialPair(scale="column", clip_sd=clip_sd)
        encoded = mapping.encode(OUTLIER[3:4], device)
        streams = mho.rng.Streams(0)
        g = device.conductances(encoded.g_target_uS, [3.15e8], streams, die=streams)
        wrong = encoded.decode(g)[0] - mapping.held(OUTLIER[3:4])
        errors.append(np.sqrt((wrong[:, OUTLIER[3] != 40] ** 2).mean()))
    limit = 5 * np.sqrt((OUTLIER[3].astype(np.float64) ** 2).mean())
    assert errors[0] / errors[1] == pytest.approx(40 / limit, rel=0.1)


def test_where_nothing_is_clipped_nothing_is_written_of_it():
    """Digests of what was computed before there was clipping stay valid."""
    assert "clip_sd" not in mho.DifferentialPair().model_dump_json()
    hardware = mho.Hardware(device="ideal", mapping=mho.SingleDevice())
    assert "clip_sd" not in hardware.model_dump_json()
    assert mho.DifferentialPair(clip_sd=5).model_dump()["clip_sd"] == 5
    assert mho.DifferentialPair().exact
    assert not mho.DifferentialPair(clip_sd=5).exact


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(mho.MhoError, match="clip_sd"):
        mho.DifferentialPair(clip_sd=0)
