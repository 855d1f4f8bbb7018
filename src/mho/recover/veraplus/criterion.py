"""What a set must keep, and what is asked instead where no set can."""

from __future__ import annotations

from dataclasses import dataclass

from mho.recover.veraplus.guarantee import sure_it_fails
from mho.recover.veraplus.holding import Held
from mho.units import time_text


@dataclass(frozen=True)
class Demand:
    """``mean - deviations * sd >= bound`` over the testing chips, from a time on.

    Attributes:
        from_s: Since when this is asked, in s.
        deviations: 3, or 0 where the mean alone must hold.
        bound: The accuracy to keep.
        lowered: Whether the bound is less than the share of the drift-free accuracy asked for.
    """

    from_s: float
    deviations: float
    bound: float
    lowered: bool = False


class Criterion:
    """The bound over a life: as asked for until it proves out of reach, then the most there is.

    Where a set that was trained for that very time cannot keep ``mean - 3 sd`` above the bound, the
    mean alone must from there on; where not even the mean can, sets must keep the wanted share of
    what such a set reaches. Every step down is noted.

    Args:
        keep: Share to keep.
        drift_free: Mean accuracy of the drift-free chips.
        deviations: Standard deviations below the mean that must still hold.

    Attributes:
        notes: What had to be relaxed.
        one_is_too_few: Confidence that a set which was trained over the whole life does not hold
            what was asked for; 0 where it holds, or where it was not tried.
    """

    def __init__(self, keep: float, drift_free: float, deviations: float = 3.0) -> None:
        self.keep = keep
        self._demands = [Demand(0.0, deviations, keep * drift_free)]
        self.notes: list[str] = []
        self.one_is_too_few = 0.0

    def at(self, t_s: float) -> Demand:
        """Return what is asked at a time: drift grows, so what was relaxed before stays relaxed."""
        return max((d for d in self._demands if d.from_s <= t_s), key=lambda d: d.from_s)

    def holds(self, held: Held) -> bool:
        """Whether the testing chips keep what they must."""
        demand = self.at(held.t_s)
        return held.lower(demand.deviations) >= demand.bound

    def refuses_one_set(self, held: Held) -> None:
        """Note how sure it is that one set for the whole life fails, where it failed first.

        Args:
            held: What that set reached there.
        """
        demand = self.at(held.t_s)
        self.one_is_too_few = sure_it_fails(held.accuracies, demand.deviations, demand.bound)

    def relax(self, held: Held) -> None:
        """Ask for less from a time on, after a set trained for this very time could not hold.

        Args:
            held: What that set reached.
        """
        now = self.at(held.t_s)
        reached = f"{held.lower(now.deviations):.4f} against {now.bound:.4f}"
        if now.deviations:
            new = Demand(held.t_s, 0.0, now.bound)
            self.notes.append(
                f"At {time_text(held.t_s)} no set keeps mean - {now.deviations:g} sd above the "
                f"bound ({reached} with a set trained for that time): the chips differ by more "
                "than vectors common to all can repair. From there the mean alone was asked for."
            )
        else:
            new = Demand(held.t_s, 0.0, self.keep * held.mean, lowered=True)
            self.notes.append(
                f"At {time_text(held.t_s)} no set keeps the mean above the bound ({reached}): from "
                f"there sets had to keep {self.keep:.4g} of what one trained for its time reaches."
            )
        self._demands = [d for d in self._demands if d.from_s != held.t_s] + [new]
