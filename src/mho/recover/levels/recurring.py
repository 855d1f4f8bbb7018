"""A recovery on the chip that is done again as the chip drifts."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from mho.data import Data
from mho.errors import BundleError, ConfigError, DataError, unknown
from mho.network.applied import Applied, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.snapshot import Snapshot
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.recovery import REHEARSAL
from mho.recover.tuning import BatchNormTuning, BiasTuning, Dora, Lora
from mho.recover.tuning.tuning import ChipTuning
from mho.units import Time, seconds

_TUNINGS = {kind.method: kind for kind in (BatchNormTuning, BiasTuning, Dora, Lora)}


class Recurring(Recovery):
    """Tune a chip's digital values anew at given times, on the chip as it has drifted by then.

    Use it as the baseline that stays on the device: batch-norm fine-tuning, LoRA, or the DoRA
    calibration from 10 samples, repeated over the life. Each time starts from the network's own
    values and replaces what was tuned before; the calibration set must stay on the device, and is
    counted.

    Args:
        tuning: ``"dora"``, ``"lora"``, ``"batch-norm-tuning"`` or ``"bias-tuning"``.
        times: When the chip is tuned, since programming.
        settings_of: Settings of the tuning, but for ``time``.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs", role="calibration")
        >>> network = mho.map_network(torch.nn.Linear(8, 2), mho.Hardware(device="falcone2025"))
        >>> kept = mho.recover.Recurring(tuning="dora", times=("1 d", "1 y")).fit(network, data)
        >>> kept.applied[0].adds.data_bits  # 10 of 8 values, 2 outputs, a label; 8 bits each
        880

    Source:
        B. Dong et al., arXiv 2504.03763, for DoRA on RRAM that has drifted: 10 samples.
    """

    method: ClassVar[str] = "recurring"
    knows: ClassVar[Knowledge] = Knowledge(data_on_device=True, own_readout=True, true_time=True)
    tuning: str = "dora"
    times: Annotated[tuple[Time, ...], Field(min_length=1)] = ("1 d", "1 month", "1 y", "9 y")
    settings_of: Mapping[str, Any] = {}

    @field_validator("tuning")
    @classmethod
    def _a_tuning(cls, name: str) -> str:
        if name not in _TUNINGS:
            raise unknown("tuning", name, _TUNINGS)
        return name

    @model_validator(mode="after")
    def _in_order(self) -> Recurring:
        at_s = [seconds(t) for t in self.times]
        if at_s != sorted(set(at_s)):
            raise ValueError("times must ascend, and none may come twice")
        if "time" in self.settings_of:
            raise ValueError("settings_of must not hold 'time': times say when")
        self.tuned_at(0)
        return self

    def tuned_at(self, number: int) -> ChipTuning:
        """Return the tuning as it is done for one of the times."""
        values = {**self.settings_of, "time": self.times[number]}
        made = _TUNINGS[self.tuning].parse(values, where=f"Recurring, {self.tuning}")
        assert isinstance(made, ChipTuning)
        return made

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Put a calibration set onto the device; a chip tunes itself when a time has come.

        Raises:
            DataError: The data are test data, or too few.
            ModelError: The network has nothing to tune.
            OutOfRangeError: The device law says nothing about one of the times.
        """
        network = network_of(target)
        first = self.tuned_at(0)
        for time in self.times:
            network.hardware.device.check_time(seconds(time))
        calibration = Calibration.of(first.lesson, network, data, seed, who=self.method)
        rehearsal = target if isinstance(target, Chip) else Chip(network, seed, scope=REHEARSAL)
        with torch.inference_mode(False), torch.no_grad():
            fitted = first.fit_chip(rehearsal, calibration, seed, progress)
        adds = replace(
            fitted.adds,
            data_bits=calibration.bits,
            sram_writes=fitted.adds.sram_writes * len(self.times),
        )
        return target.with_applied(
            Applied(
                self.method,
                self.settings(),
                knows=replace(first.knowledge, true_time=True),
                adds=adds,
                attachment=Renewed(self, calibration, seed),
                report={**fitted.report, "times": len(self.times)},
            )
        )


class Renewed(Attachment):
    """What a chip needs to tune itself again and again.

    Args:
        method: What is tuned, and when.
        calibration: What the chip sees.
        seed: Seed of everything random, beside the chip's own number.
        before: The chip without this recovery; None before a chip was programmed.
    """

    kind: ClassVar[str] = "renewed"

    def __init__(
        self, method: Recurring, calibration: Calibration, seed: int, before: Chip | None = None
    ) -> None:
        self.method, self.calibration, self.seed = method, calibration, seed
        self._before = before
        self._known: dict[int, Attachment] = {}

    def prepare(self, chip: Chip) -> Renewed:
        """Return the same for this very chip, nothing tuned yet."""
        return Renewed(self.method, self.calibration, self.seed, chip)

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with what was tuned last."""
        at_s = [seconds(t) for t in self.method.times]
        number = bisect.bisect_right(at_s, snapshot.t_s) - 1
        if number < 0 or self._before is None:
            return snapshot
        return self._tuned(self._before, number).apply(snapshot, chip)

    def _tuned(self, before: Chip, number: int) -> Attachment:
        if number not in self._known:
            # Evaluations run in inference mode, whose tensors could not be trained on.
            with torch.inference_mode(False), torch.no_grad():
                tuning = self.method.tuned_at(number)
                self._known[number] = tuning.fit_chip(
                    before, self.calibration, self.seed
                ).attachment
        return self._known[number]

    def tensors(self) -> dict[str, Tensor]:
        """Return the calibration set."""
        return self.calibration.tensors()

    def settings(self) -> dict[str, Any]:
        """Return what is tuned when, the seed, and what to call the calibration set."""
        return {
            "how": self.method.settings(),
            "seed": self.seed,
            "held": self.calibration.held,
            "data": self.calibration.data.name,
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Renewed:
        """Build it again.

        Raises:
            BundleError: Something is missing or does not fit.
        """
        try:
            method = Recurring.parse(settings["how"], where="its settings")
            held, seed = int(settings["held"]), int(settings["seed"])
            calibration = Calibration.restore(str(settings["data"]), held, tensors)
        except (KeyError, TypeError, ValueError, ConfigError, DataError) as error:
            raise BundleError(
                f"what a chip needs to tune itself is incomplete or was edited ({error}); save "
                "the bundle again."
            ) from None
        return cls(method, calibration, seed)
