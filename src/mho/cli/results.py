"""``mho results``: the results of a study as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json
from mho.cli.status import FolderArgument

app = new_app()
_SHOWN = 40


@app.command(
    epilog=examples(
        "mho results results/sweep", "mho results results/sweep --trials --parquet trials.parquet"
    )
)
def results(
    folder: FolderArgument,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the table as CSV.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the table as Parquet.")
    ] = None,
    trials: Annotated[
        bool, typer.Option("--trials", help="One row for each chip and time, not their summary.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Show the results of a study as a table, or write it as CSV or Parquet."""
    from mho.files import atomic_path, writable_file
    from mho.study.tables import summary_table, trials_table
    from mho.units import time_text

    check_json(json)
    for file in (csv, parquet):
        if file is not None:
            writable_file(file)
    table = trials_table(folder)
    table = table if trials else summary_table(table)
    if csv is not None:
        with atomic_path(csv) as path:
            table.to_csv(path, index=False)
    if parquet is not None:
        with atomic_path(parquet) as path:
            table.to_parquet(path, index=False)
    write_json(json, table.to_dict(orient="records"))
    if csv is None and parquet is None:
        shown = table.head(_SHOWN).copy()
        shown.insert(list(shown.columns).index("t_s"), "time", shown.pop("t_s").map(time_text))
        rows = [[_cell(value) for value in row] for row in shown.itertuples(index=False)]
        print_table([str(name) for name in shown.columns], rows)
        if len(table) > _SHOWN:
            typer.echo(f"… and {len(table) - _SHOWN:,} more rows; --csv FILE writes all of them")


def _cell(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else value
