"""Workers: the same results on any number of threads, and nothing of torch's settings left over."""

import os
import subprocess
import sys
import threading

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.reading import ReadPerProduct
from mho.device.read_noise import RelativeReadNoise
from mho.network.plan import Plan
from mho.network.threads import for_each

X = torch.randn(700, 2, 8, 8, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def threads():
    """Set the number of threads; put it back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def network(**periphery):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 4)
    )
    device = mho.load_device("falcone2025").replace(read_noise=RelativeReadNoise(fraction=0.05))
    mapped = mho.map_network(model, mho.Hardware(device=device, **periphery))
    return mapped.calibrate(X[:32]) if mapped.hardware.has_converters else mapped


@pytest.mark.parametrize(
    "periphery",
    [{}, {"dac_bits": 6, "adc_bits": 6, "rows": 27, "reading": ReadPerProduct()}],
    ids=["linear", "noisy-converters"],
)
def test_a_chip_and_its_logits_are_the_same_on_any_number_of_threads(periphery, threads):
    found = []
    for count in (1, 2, 3):
        threads(count)
        mapped = network(**periphery)
        plan = Plan(mapped)
        plan.load(mapped.program(4).snapshot("1 d", read=0))
        found.append(plan(X, first=5))
        assert plan._micro_batch < len(X) / 2  # there is something to share
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_chips_drawn_at_once_are_the_chips_drawn_alone(threads):
    threads(1)
    mapped = network()
    alone = [mapped.program(seed).snapshot("1 y").crossbar for seed in range(6)]
    threads(3)
    at_once = for_each(lambda seed: mapped.program(seed).snapshot("1 y").crossbar, range(6))
    for one, other in zip(alone, at_once, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_counting_counts_every_sum_once_whatever_the_threads(threads):
    threads(2)
    mapped = network(adc_bits=6)
    plan = Plan(mapped)
    plan.load(mapped.program(0).snapshot(0))
    tally = plan.count()["4"]
    plan(X[:640])
    assert tally.sums == 640 * 4 * mapped.grid(mapped.layer("4")).down


def test_pieces_run_at_once_and_in_order_and_torch_has_one_thread_in_each(threads):
    threads(2)
    together = threading.Barrier(2, timeout=20)

    def piece(number):
        together.wait()  # returns only if another piece runs at the same time
        return number, torch.get_num_threads()

    assert for_each(piece, range(6)) == [(n, 1) for n in range(6)]
    assert torch.get_num_threads() == 2
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


def test_an_error_in_a_piece_is_raised(threads):
    threads(2)
    with pytest.raises(ZeroDivisionError):
        for_each(lambda n: 1 / n, [1, 0, 2])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_gets_workers_of_its_own():
    code = """
import os, signal, torch
from mho.network.threads import for_each
torch.set_num_threads(2)
for_each(abs, [1, -2])
child = os.fork()
if not child:
    signal.alarm(20)
    os._exit(0 if for_each(abs, [-3, 4]) == [3, 4] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
