"""Studies with real periphery: read, calibrated on training data, kept by students."""

from mho.crossbar.drive import BitSerial
from mho.crossbar.reading import ReadPerProduct
from mho.crossbar.wires import LadderWires
from mho.study.build import Parts
from mho.study.run import run_study
from mho.study.spec import read_study

PERIPHERY = """drift_of = "falcone2025"
dac_bits = 8
adc_bits = 8
adc_range = "column"
calibration_images = 20
drive = { law = "bit-serial", bits_per_cycle = 4 }
reading = "per-product"
wires = { law = "ladder", row_ohm = 0.01, col_ohm = 0.02 }
"""


def test_periphery_is_read_and_converters_have_their_ranges_from_training_data(edit):
    file = read_study(edit('drift_of = "falcone2025"\n', PERIPHERY))
    made = Parts(file.study, file.base, file.where)
    hardware = made.hardware
    assert (hardware.adc_range, hardware.reading) == ("column", ReadPerProduct())
    assert hardware.drive == BitSerial(bits_per_cycle=4)
    assert hardware.wires == LadderWires(row_ohm=0.01, col_ohm=0.02)
    assert set(made.network.ranges) == {layer.name for layer in made.network.layers}
    assert len(made.network.calibration.inputs) == 20


def test_a_study_with_converters_runs_to_its_end_students_included(edit, tmp_path):
    study = edit('drift_of = "falcone2025"\n', 'drift_of = "falcone2025"\nadc_bits = 8\n')
    figures = run_study(study, tmp_path / "out")
    assert [step["name"] for step in figures["steps"]][:2] == ["as it is", "scaled"]
    assert all(0 <= t["mean"] <= 1 for step in figures["steps"] for t in step["times"])
