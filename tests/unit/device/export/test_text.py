from __future__ import annotations

import numpy as np

import mho
from mho.device.export.text import class_name, header, numbers


def test_class_names_are_identifiers():
    device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    assert class_name(device, "Device") == "Charan2020Falcone2025DriftDevice"
    assert class_name(device.replace(name="2 nm"), "Device") == "Device2NmDevice"
    assert class_name(device.replace(name="µ"), "Device") == "DeviceDevice"


def test_numbers_read_back_as_they_were():
    array = np.random.default_rng(0).normal(size=(3, 40, 2))
    assert np.allclose(np.array(eval(numbers(array))), array, rtol=1e-6)


def test_headers_cannot_break_out():
    device = mho.load_device("ideal").replace(description='a """ b \\ c')
    text = header(device, "A file", [])
    scope: dict = {}
    exec(text, scope)
    assert "nothing" in scope["__doc__"]
