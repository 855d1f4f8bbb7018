"""The page on networks says what the model cards say."""

from __future__ import annotations

from pathlib import Path

from mho import zoo

PAGE = Path(__file__).parents[3] / "docs" / "networks.md"


def row(name):
    card = zoo.card(name)
    options = "".join(f", {key} {value}" for key, value in card.options.items())
    tests = ", ".join(
        f"{a.accuracy:.2%} of {a.images:,} ({a.data})".replace("%", " %") for a in card.test
    )
    return (
        f"| `{name}` | `{card.architecture}`{options} | {card.parameters:,} | {card.stored} "
        f"| {card.training.images:,} of `{card.training.name}`, {card.epochs} epochs | {tests} |"
    )


def test_the_table_of_trained_networks_is_that_of_the_cards():
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("<!-- networks -->\n")[1].split("<!-- /networks -->")[0]
    assert table.strip().splitlines()[2:] == [row(name) for name in zoo.list_networks()]


def test_every_architecture_has_its_row():
    text = PAGE.read_text(encoding="utf-8").split("## Architectures")[1]
    assert all(f"`{name}`" in text for name in zoo.ARCHITECTURES)
