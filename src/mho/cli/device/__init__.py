"""``mho device``: the commands about device laws, one file each; heavy imports inside them."""

from __future__ import annotations

from mho.cli.app import new_app
from mho.cli.device import (
    check,
    compare,
    export,
    fit,
    inspect,
    levels,
    list,
    report,
    show,
    simulate,
)

app = new_app(help="Show, check, fit, simulate and compare device laws.")
for module in (list, show, check, inspect, fit, levels, simulate, compare, export, report):
    module.register(app)
