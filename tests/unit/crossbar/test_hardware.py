"""Hardware as a value."""

import pytest

import mho


def test_a_device_may_be_named():
    assert mho.Hardware(device="wan2022").device == mho.load_device("wan2022")


def test_an_unknown_device_names_the_nearest():
    with pytest.raises(mho.MhoError, match="Did you mean 'falcone2025'"):
        mho.Hardware(device="falcone2026")


@pytest.mark.parametrize("bits", [{"adc_bits": 8}, {"dac_bits": 8}])
def test_periphery_is_ideal_unless_asked(bits):
    assert mho.Hardware(device="ideal").ideal_periphery
    assert not mho.Hardware(device="ideal", **bits).ideal_periphery


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"rowz": 3}, "Did you mean 'rows'"), ({"rows": 0}, "greater than or equal to 1; got 0")],
)
def test_mistakes_are_named(wrong, told):
    with pytest.raises(mho.MhoError, match=told):
        mho.Hardware(device="ideal", **wrong)


def test_hardware_survives_a_round_trip_through_json():
    hardware = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice(scale="column"), rows=64)
    assert mho.Hardware.model_validate_json(hardware.model_dump_json()) == hardware
