"""What an attachment (the part of a recovery that acts on a chip) promises."""

from __future__ import annotations

import json

import torch

from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.snapshot import Snapshot
from mho.units import Time


def check_attachment(attachment: Attachment, chip: Chip, times: list[Time]) -> None:
    """Examine an attachment on a chip.

    The promises: applying it changes nothing in what it was given and gives the same again, in any
    order of times; what it adds has the layers' shapes; settings are JSON and, with its tensors,
    build an equal attachment.

    Args:
        attachment: The attachment, as a recovery left it (before ``prepare``).
        chip: A chip with the recoveries that come before it.
        times: Times to look at.

    Raises:
        AssertionError: A promise is broken; the message says which.
    """
    prepared = attachment.prepare(chip)
    first = {time: _applied(prepared, chip, time) for time in times}
    for time in reversed(times):
        again = _applied(prepared, chip, time)
        assert _equal(first[time], again), "apply() must give the same again, in any order of times"
    settings = json.loads(json.dumps(attachment.settings()))
    restored = type(attachment).restore(settings, dict(attachment.tensors())).prepare(chip)
    for time in times:
        assert _equal(first[time], _applied(restored, chip, time)), (
            "settings() and tensors() must build an equal attachment"
        )


def _applied(attachment: Attachment, chip: Chip, time: Time) -> Snapshot:
    snapshot = chip.snapshot(time)
    before = {name: weight.clone() for name, weight in snapshot.crossbar.items()}
    after = attachment.apply(snapshot, chip)
    for name, weight in before.items():
        assert torch.equal(snapshot.crossbar[name], weight), "apply() must not change its argument"
        assert after.weight(name).shape == weight.shape, f"layer '{name}' changed its shape"
    return after


def _equal(a: Snapshot, b: Snapshot) -> bool:
    weights = all(torch.equal(a.weight(name), b.weight(name)) for name in a.crossbar)
    same_names = a.parameters.keys() == b.parameters.keys()
    return (
        weights
        and same_names
        and all(torch.equal(a.parameters[name], b.parameters[name]) for name in a.parameters)
    )
