"""``mho bundle``: what a device would load, shown, verified, handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

app = new_app("Inspect, verify and export the bundles that a device would load.")
Folder = Annotated[Path, typer.Argument(help="The folder that mho.save_bundle wrote.")]


@app.command(epilog=examples("mho bundle inspect edge-model"))
def inspect(folder: Folder, json: JsonOption = None) -> None:
    """Show what a bundle holds, without building the network."""
    from mho.deploy.folder import describe_sizes, read_folder

    check_json(json)
    manifest, tensors = read_folder(folder)
    sizes = describe_sizes(folder)
    whose = "all chips" if manifest.chip is None else f"chip {manifest.chip.seed}"
    typer.echo(
        f"{manifest.name}: {whose}, saved {manifest.created} by mho {manifest.mho}, "
        f"{sum(sizes.values()):,} bytes"
    )
    typer.echo(f"device {manifest.hardware['device']['name']}, network {manifest.digest[:12]}")
    rows = [
        [e.layer, e.kind, f"{e.rows} × {e.cols}", f"{e.tiles[0]} × {e.tiles[1]}", e.coding]
        for e in manifest.layers
    ]
    print_table(["crossbar", "kind", "matrix", "tiles", "cells as"], rows)
    recovered = [
        [a.method, str(sum(tensors[t].numel() for t in a.attachment.tensors.values()))
         if a.attachment else "in the weights"]
        for a in manifest.applied
    ]  # fmt: skip
    if recovered:
        print_table(["recovery", "stored values"], recovered)
    write_json(json, {"manifest": manifest.model_dump(mode="json"), "bytes": sizes})


@app.command(epilog=examples("mho bundle verify edge-model"))
def verify(folder: Folder, json: JsonOption = None) -> None:
    """Prove that a bundle is whole: checksums, cells against weights, every recovery restored."""
    from mho.deploy.bundle import load_bundle
    from mho.deploy.folder import read_folder

    check_json(json)
    manifest, _ = read_folder(folder)
    checked = manifest.architecture.zoo is not None
    if not checked:
        typer.echo(
            f"checksums are right; the architecture ({manifest.architecture.class_name}) is not in "
            "mho.zoo, so its cells can only be checked in Python: mho.load_bundle(folder, model=…)"
        )
    else:
        load_bundle(folder)
        typer.echo(f"{folder}: whole; {len(manifest.layers)} crossbars agree with their weights")
    write_json(json, {"whole": True, "cells_checked": checked})


@app.command(
    epilog=examples(
        "mho bundle export edge-model --onnx edge-model.onnx",
        "mho bundle export edge-model --onnx chip7.onnx --chip 7 --cells '1 day'",
    )
)
def export(
    folder: Folder,
    onnx: Annotated[
        Path, typer.Option("--onnx", metavar="FILE", help="The ONNX file; replaced if there.")
    ],
    chip: Annotated[
        int | None, typer.Option(help="Chip whose cells to take; the wanted weights if absent.")
    ] = None,
    cells: Annotated[
        str | None, typer.Option(metavar="TIME", help="When that chip's cells are looked at.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Write one ONNX graph with inputs x and t_s, which picks the compensation set inside."""
    from mho.deploy.bundle import load_bundle
    from mho.deploy.onnx.export import export_onnx

    check_json(json)
    bundle = load_bundle(folder)
    of_network = bundle.manifest.chip is None and chip is None
    target = bundle.network if of_network else bundle.chip(chip)
    file = export_onnx(target, onnx, cells=cells)
    size = file.stat().st_size
    typer.echo(
        f"{file}: {size:,} bytes, inputs x and t_s; the cells' weights are the overridable "
        "initialisers crossbar/LAYER"
    )
    write_json(json, {"file": str(file), "bytes": size, "chip": chip, "cells": cells})
