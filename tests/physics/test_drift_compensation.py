"""Ten years of drift on LeNet-5: what a mean shift does, and that the card alone undoes it."""

from __future__ import annotations

import pytest

import mho
from mho.recover.veraplus import VeraPlus

CHIPS = 6
IMAGES = 500


@pytest.fixture(scope="module")
def test_digits():
    return mho.data.load("mnist-5k", "test").take(IMAGES, 0)


def _network(mapping) -> mho.MappedNetwork:
    hardware = mho.Hardware(device="falcone2025", mapping=mapping)
    return mho.map_network(mho.zoo.load("lenet5-mnist5k"), hardware)


def _lasting(network) -> mho.MappedNetwork:
    """Compensate with the card's coefficients as they are: nothing is trained, two knots."""
    method = VeraPlus(steps=0, testing_chips=4, held_out_most=200, grid_per_decade=1)
    return method.fit(network, mho.data.load("mnist-5k"))


def _means(network, digits, times=("1s", "10y")) -> list[float]:
    found = mho.evaluate(network, digits, list(times), chips=CHIPS, progress=False)
    return [found.at(t).mean for t in times]


def test_single_devices_lose_points_and_the_card_s_window_sum_wins_them_back(test_digits) -> None:
    """The mean shift adds the same to all weights of a layer: rank one, and known from the card.

    Without help more than 2 points are lost after ten years, with it less than 0.5 % of the
    drift-free accuracy. Means over 6 chips have a standard error of about 0.1 points.
    """
    network = _network(mho.SingleDevice())
    drift_free, plain = _means(network, test_digits)
    (kept,) = _means(_lasting(network), test_digits, ("10y",))
    assert plain < drift_free - 0.02
    assert kept >= 0.995 * drift_free


def test_in_differential_pairs_the_mean_cancels(test_digits) -> None:
    """Only the spread is left, which costs LeNet-5 less than 0.5 % of its accuracy."""
    drift_free, plain = _means(_network(mho.DifferentialPair()), test_digits)
    assert plain >= 0.995 * drift_free
