"""Wire resistance: Kirchhoff's laws, an independent solver, limits, and the approximation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mho
from mho.crossbar.wires import LadderWires, NodalWires, NoWires, ladder, line_load, nodal_matrix

SIZES = [(1, 1), (1, 5), (6, 1), (4, 7), (7, 4), (12, 12)]


def dense_seen(g_uS, row_ohm, col_ohm):
    """Every node on its own, element by element, solved densely: slow and independent."""
    rows, cols = g_uS.shape
    row_node = {(i, j): i * cols + j for i in range(rows) for j in range(cols)}
    col_node = {key: rows * cols + n for key, n in row_node.items()}
    matrix = np.zeros((2 * rows * cols, 2 * rows * cols))

    def resistor(a, b, siemens):
        for node in (a, b):
            if node is not None:  # None is an ideal source or ground
                matrix[node, node] += siemens
        if a is not None and b is not None:
            matrix[a, b] -= siemens
            matrix[b, a] -= siemens

    for (i, j), node in row_node.items():
        resistor(row_node.get((i, j - 1)), node, 1 / row_ohm)
        resistor(node, col_node[i, j], g_uS[i, j] * 1e-6)
        below = col_node.get((i + 1, j))
        resistor(col_node[i, j], below, 1 / col_ohm)
    seen = np.zeros((rows, cols))
    for driven in range(rows):
        current = np.zeros(2 * rows * cols)
        current[row_node[driven, 0]] = 1 / row_ohm  # one volt behind the first segment
        volts = np.linalg.solve(matrix, current)
        for j in range(cols):
            seen[driven, j] = volts[col_node[rows - 1, j]] / col_ohm * 1e6
    return seen


@pytest.mark.parametrize("size", SIZES)
@given(row_ohm=st.floats(0.01, 300), col_ohm=st.floats(0.01, 300), seed=st.integers(0, 50))
@settings(max_examples=10, deadline=None)
def test_the_sparse_solution_is_the_dense_one(size, row_ohm, col_ohm, seed):
    g = np.random.default_rng(seed).uniform(0, 100, size)
    seen = NodalWires(row_ohm=row_ohm, col_ohm=col_ohm).seen(g)
    np.testing.assert_allclose(seen, dense_seen(g, row_ohm, col_ohm), rtol=1e-8, atol=1e-9)


def test_kirchhoffs_current_law_holds_at_every_node():
    rng = np.random.default_rng(1)
    g, v = rng.uniform(10, 90, (9, 6)) * 1e-6, rng.uniform(-1, 1, 9)
    per_row, per_col = 1 / 20, 1 / 35
    matrix = nodal_matrix(g, per_row, per_col).toarray()
    driven = np.zeros(108)
    driven[np.arange(9) * 6] = v * per_row
    volts = np.linalg.solve(matrix, driven)
    row, col = volts[:54].reshape(9, 6), volts[54:].reshape(9, 6)
    through = g * (row - col)
    left = np.diff(np.column_stack([v, row]), axis=1) * -per_row  # current into each row node
    right = np.column_stack([left[:, 1:], np.zeros(9)])
    assert np.abs(left - right - through).max() < 1e-15
    down = -np.diff(np.vstack([col, np.zeros(6)]), axis=0) * per_col
    up = np.vstack([np.zeros(6), down[:-1]])
    assert np.abs(up + through - down).max() < 1e-15
    # what flows into the rows flows out of the columns, and that is what the tile shows outside
    assert left[:, 0].sum() == pytest.approx(down[-1].sum(), rel=1e-12)
    seen = NodalWires(row_ohm=20, col_ohm=35).seen(g * 1e6) * 1e-6
    np.testing.assert_allclose(v @ seen, down[-1], rtol=1e-10)


def test_three_resistors_in_series():
    assert NodalWires(row_ohm=30, col_ohm=70).seen(np.array([[1e4]]))[0, 0] == pytest.approx(5000)
    assert LadderWires(row_ohm=1, col_ohm=1).seen(np.array([[1e4]]))[0, 0] == pytest.approx(
        1e4 / 1.01**2
    )


@pytest.mark.parametrize("wires", [NodalWires, LadderWires])
def test_thick_wires_change_nothing(wires):
    g = np.random.default_rng(0).uniform(1, 90, (3, 16, 8)).astype(np.float32)
    seen = wires(row_ohm=1e-6, col_ohm=1e-6).seen(g)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, g, rtol=1e-5)
    assert NoWires().seen(g) is g


def test_a_ladder_by_hand():
    """Two cells of 1 S, segments of 1 Ω: 1 + 1/2 S behind node one, so 0.4 V, then 0.2 V."""
    assert ladder(np.array([1.0, 1.0]), 1.0) == pytest.approx([0.4, 0.2])


@pytest.mark.parametrize("size", [(64, 16), (16, 64), (48, 48), (96, 96)])
@pytest.mark.parametrize("load", [0.03, 0.1, 0.29])
@pytest.mark.parametrize("filling", ["uniform", "sparse", "full"])
def test_the_approximation_errs_as_little_as_it_says(size, load, filling):
    rng = np.random.default_rng(0)
    g = {
        "uniform": rng.uniform(1, 90, size),
        "sparse": np.where(rng.random(size) < 0.1, 90.0, 1.0),
        "full": np.full(size, 90.0),
    }[filling]
    ohm = load / float(line_load(g * 1e-6, 1.0, 1.0))
    exact = NodalWires(row_ohm=ohm, col_ohm=ohm).seen(g)
    fast = LadderWires(row_ohm=ohm, col_ohm=ohm).seen(g)
    assert ((exact - fast) > -1e-9).all()  # always too small
    assert (exact - fast).max() < 3 * load**2 * g.mean()
    short = 1 - fast.sum(0) / exact.sum(0)
    assert short.mean() < 0.2 * load**2
    assert short.max() < 0.5 * load**2
    assert np.abs(1 - g.sum(0) / exact.sum(0)).mean() > 0.5 * load


def test_a_load_beyond_the_approximation_is_refused():
    g = np.full((128, 128), 50.0)
    with pytest.raises(mho.MhoError, match=r"load of 0.82.*NodalWires\(row_ohm=1, col_ohm=1\)"):
        LadderWires(row_ohm=1, col_ohm=1).seen(g)
