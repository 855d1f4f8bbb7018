"""``mho demo``: the whole story on real digits."""

from __future__ import annotations

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, write_json
from mho.cli.run import OutOption

app = new_app()


@app.command(epilog=examples("mho demo", "mho demo -o demo-results --json demo.json"))
def demo(out: OutOption = None, json: JsonOption = None) -> None:
    """Run the whole story on real MNIST digits, in minutes on a laptop, ending in a report."""
    from mho.allocator import keep_memory
    from mho.cli.study_table import print_study
    from mho.study.run import DEMO, run_study

    check_json(json)
    keep_memory()
    figures = run_study(DEMO, out)
    print_study(figures)
    write_json(json, figures)
