"""Results as tables: one row a trial, or one row a step and time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mho.errors import StoreError
from mho.results import Store
from mho.study.status import Status, study_status

if TYPE_CHECKING:
    import pandas as pd


def trials_table(folder: str | Path) -> pd.DataFrame:
    """Return every trial of the study in a folder: swept values, step, time, chip, accuracy.

    Args:
        folder: What ``mho run`` wrote to.

    Raises:
        StoreError: There is no study in the folder, or nothing is finished yet.
    """
    import pandas as pd

    status = study_status(folder)
    names = _names(status)
    with Store(Path(folder) / "results.sqlite") as store:
        rows = store.rows()
    table = pd.DataFrame.from_records(rows, columns=["key", "t_s", "chip", "correct", "images"])
    table = names.merge(table, on="key", how="inner").drop(columns="key")
    if table.empty:
        raise StoreError(f"{folder}: no trial is finished yet. Run the study first.")
    table["accuracy"] = table["correct"] / table["images"]
    return table


def _names(status: Status) -> pd.DataFrame:
    """Return what each step of each cell is called, by key, in the order of the plan."""
    import pandas as pd

    records = [
        {**_plain(step.cell.values), "step": step.step, "key": step.cell.step_keys[step.step]}
        for step in status.steps
    ]
    return pd.DataFrame.from_records(records)


def _plain(values: object) -> dict[str, object]:
    """Write values that are tables or lists as text, so that they fit a cell of a table."""
    assert isinstance(values, dict)
    return {
        name: value if isinstance(value, str | int | float | bool) else str(value)
        for name, value in values.items()
    }


def summary_table(trials: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Summarise trials over chips: mean with its interval, sd, 5 % quantile, worst.

    Args:
        trials: As :func:`trials_table` gives them.
        confidence: Of the interval (Student's t).

    Returns:
        One row for each cell, step and time, in the order of the plan.
    """
    import numpy as np
    from scipy import stats

    by = [c for c in trials.columns if c not in ("chip", "correct", "images", "accuracy")]
    groups = trials.groupby(by, sort=False, dropna=False)["accuracy"]
    table = groups.agg(chips="size", mean="mean", sd="std", worst="min")
    table["q05"] = groups.quantile(0.05)
    n = table["chips"].to_numpy()
    quantile = stats.t.ppf((1 + confidence) / 2, np.maximum(n - 1, 1))
    half = np.where(n > 1, quantile, np.nan) * table["sd"].to_numpy() / np.sqrt(n)
    table["ci_low"] = np.maximum(table["mean"].to_numpy() - half, 0)
    table["ci_high"] = np.minimum(table["mean"].to_numpy() + half, 1)
    columns = ["chips", "mean", "ci_low", "ci_high", "sd", "q05", "worst"]
    return table[columns].reset_index()
