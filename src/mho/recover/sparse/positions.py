"""Rules that choose which weights get an SRAM word.

Each rule is given a number of words and, where it asks for one, a score of every weight, and
returns positions in the flattened weights. Rules differ in how well they choose and in how well
their choice packs: single positions are stored as gaps, structures need next to nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from mho.device.law import Law
from mho.network.layer import MappedLayer
from mho.recover.sparse.matrix import count_bits, weight_numbers
from mho.rng import Streams

Score = Literal["gradient", "weight-gradient", "error-gradient", "magnitude"]
"""How much a weight matters: ``|dL/dw|``, ``|w dL/dw|``, ``|dL/dw (w_programmed - w_target)|``,
``|w|``."""
Layers: TypeAlias = Sequence[MappedLayer]
Values: TypeAlias = Mapping[str, Tensor]
"""By layer name: one value a weight, flattened."""


class PositionRule(Law, ABC):
    """The interface of a rule; implementations are final."""

    law: str

    @property
    def asks_for(self) -> Score | None:
        """The score that the rule needs, if any."""
        return None

    @abstractmethod
    def position_bits_per_word(self, layers: Layers, share: float) -> float:
        """Return about how many bits store the position of one word.

        Args:
            layers: The layers to choose from.
            share: Share of their weights that is chosen.
        """

    @abstractmethod
    def choose(
        self, layers: Layers, words: int, scores: Values, streams: Streams
    ) -> dict[str, Tensor]:
        """Choose weights.

        Args:
            layers: The layers to choose from.
            words: How many weights at most, all layers together.
            scores: The score asked for; empty where none was.
            streams: Random numbers of this choice.

        Returns:
            By layer name: positions in the flattened weight, ascending, int64.
        """

    @abstractmethod
    def position_bits(self, layers: Layers, chosen: Values) -> int:
        """Count the bits that store the chosen positions."""


class ImportanceSampling(PositionRule):
    """Draw positions without replacement, with probability proportional to a score.

    Exponential keys do it in one pass: the positions with the smallest ``E / score``, ``E``
    standard exponential, are such a sample.

    Args:
        score: What the probability is proportional to.
        layers: Whether the layers share one draw (``"importance"``), or each gets words in
            proportion to its size (``"uniform"``).

    Source:
        Charan et al., DAC 2020; P. Efraimidis and P. Spirakis, Inf. Process. Lett. 97, 181 (2006).
    """

    law: Literal["importance-sampling"] = "importance-sampling"
    score: Score = "error-gradient"
    layers: Literal["importance", "uniform"] = "importance"

    @property
    def asks_for(self) -> Score | None:
        """The score that the rule needs."""
        return self.score

    def position_bits_per_word(self, layers: Layers, share: float) -> float:
        """Return about how many bits store the position of one word: a gap in a Rice code."""
        return _gap_bits_per_word(share)

    def choose(
        self, layers: Layers, words: int, scores: Values, streams: Streams
    ) -> dict[str, Tensor]:
        """Choose weights; see :meth:`PositionRule.choose`."""
        keys = {}
        for layer in layers:
            uniform = torch.from_numpy(streams.uniform((layer.weights,), "key", layer.name))
            exponential = -torch.log1p(-uniform.double())
            keys[layer.name] = scores[layer.name].double() / exponential.clamp_min(1e-300)
        return _largest(layers, words, keys, together=self.layers == "importance")

    def position_bits(self, layers: Layers, chosen: Values) -> int:
        """Count the bits that store the chosen positions."""
        return _gap_bits(layers, chosen)


class TopK(PositionRule):
    """Take the positions with the largest scores.

    Args:
        score: What to rank by.
        layers: Whether all layers are ranked together, or each gets words by its size.
    """

    law: Literal["top-k"] = "top-k"
    score: Score = "error-gradient"
    layers: Literal["importance", "uniform"] = "importance"

    @property
    def asks_for(self) -> Score | None:
        """The score that the rule needs."""
        return self.score

    def position_bits_per_word(self, layers: Layers, share: float) -> float:
        """Return about how many bits store the position of one word: a gap in a Rice code."""
        return _gap_bits_per_word(share)

    def choose(
        self, layers: Layers, words: int, scores: Values, streams: Streams
    ) -> dict[str, Tensor]:
        """Choose weights; see :meth:`PositionRule.choose`."""
        return _largest(layers, words, scores, together=self.layers == "importance")

    def position_bits(self, layers: Layers, chosen: Values) -> int:
        """Count the bits that store the chosen positions."""
        return _gap_bits(layers, chosen)


class RandomPositions(PositionRule):
    """Every weight is as likely as any other."""

    law: Literal["random"] = "random"

    def position_bits_per_word(self, layers: Layers, share: float) -> float:
        """Return about how many bits store the position of one word: a gap in a Rice code."""
        return _gap_bits_per_word(share)

    def choose(
        self, layers: Layers, words: int, scores: Values, streams: Streams
    ) -> dict[str, Tensor]:
        """Choose weights; see :meth:`PositionRule.choose`."""
        keys = {
            layer.name: torch.from_numpy(streams.uniform((layer.weights,), "key", layer.name))
            for layer in layers
        }
        return _largest(layers, words, keys, together=True)

    def position_bits(self, layers: Layers, chosen: Values) -> int:
        """Count the bits that store the chosen positions."""
        return _gap_bits(layers, chosen)


class RandomDiagonals(PositionRule):
    """Random diagonals of each crossbar, so that all rows and columns meet equally many words.

    A diagonal wraps around and has ``max(rows, cols)`` words; ``k`` of them pack into a dense SRAM
    block of ``k × max(rows, cols)``, and only their offsets are stored. Each layer gets diagonals
    in proportion to its size; what is left buys one more in the layers with most left over.

    Source:
        Random sparse adaptation (RSA): A. Mohanty et al., IEDM 2017,
        doi 10.1109/IEDM.2017.8268339; Charan et al., JXCDC 2020.
    """

    law: Literal["diagonals"] = "diagonals"

    def position_bits_per_word(self, layers: Layers, share: float) -> float:
        """Return about how many bits store the position of one word: the share of an offset."""
        sides = [(layer.rows, layer.cols * layer.groups) for layer in layers]
        return max(count_bits(min(side)) / max(side) for side in sides)

    def choose(
        self, layers: Layers, words: int, scores: Values, streams: Streams
    ) -> dict[str, Tensor]:
        """Choose weights; see :meth:`PositionRule.choose`."""
        lines = [max(layer.rows, layer.cols * layer.groups) for layer in layers]
        counts = _lines_each(layers, words, lines)
        chosen = {}
        for layer, count in zip(layers, counts, strict=True):
            diagonals = _diagonals(layer)
            order = streams.generator("diagonals", layer.name).permutation(len(diagonals))
            offsets = order[:count]
            chosen[layer.name] = diagonals[torch.from_numpy(offsets)].flatten().sort().values
        return chosen

    def position_bits(self, layers: Layers, chosen: Values) -> int:
        """Count the bits that store the chosen positions."""
        total = 0
        for layer in layers:
            cols = layer.cols * layer.groups
            diagonals = len(chosen[layer.name]) // max(layer.rows, cols)
            total += diagonals * count_bits(min(layer.rows, cols))
        return total


class TopDiagonals(PositionRule):
    """The diagonals of all crossbars whose words have the largest scores on average.

    As cheap to store as :class:`RandomDiagonals`, one offset a diagonal, but placed where words
    matter: layers get diagonals by importance.

    Args:
        score: What the words of a diagonal are rated by.
    """

    law: Literal["top-diagonals"] = "top-diagonals"
    score: Score = "error-gradient"

    @property
    def asks_for(self) -> Score | None:
        """The score that the rule needs."""
        return self.score

    def position_bits_per_word(self, layers: Layers, share: float) -> float:
        """Return about how many bits store the position of one word: the share of an offset."""
        return RandomDiagonals().position_bits_per_word(layers, share)

    def choose(
        self, layers: Layers, words: int, scores: Values, streams: Streams
    ) -> dict[str, Tensor]:
        """Choose weights; see :meth:`PositionRule.choose`."""
        lines = {layer.name: _diagonals(layer) for layer in layers}
        rated = [
            (float(scores[name][line].mean()), name, offset)
            for name, all_lines in lines.items()
            for offset, line in enumerate(all_lines)
        ]
        chosen: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
        left = words
        for _, name, offset in sorted(rated, key=lambda rate: -rate[0]):
            line = lines[name][offset]
            if len(line) <= left:
                chosen[name].append(line)
                left -= len(line)
        none = torch.zeros(0, dtype=torch.int64)
        return {name: torch.cat([none, *found]).sort().values for name, found in chosen.items()}

    def position_bits(self, layers: Layers, chosen: Values) -> int:
        """Count the bits that store the chosen positions."""
        return RandomDiagonals().position_bits(layers, chosen)


class PerColumn(PositionRule):
    """The same number of words for every column of a layer, at the best rows of each column.

    The words of a layer pack into a dense SRAM block of ``n × cols``, one word line per column and
    rank; each word stores its row. Layers get words in proportion to the sum of their scores.

    Args:
        score: What the rows of a column are ranked by.
    """

    law: Literal["per-column"] = "per-column"
    score: Score = "error-gradient"

    @property
    def asks_for(self) -> Score | None:
        """The score that the rule needs."""
        return self.score

    def position_bits_per_word(self, layers: Layers, share: float) -> float:
        """Return how many bits store the position of one word: its row."""
        return max(count_bits(layer.rows) for layer in layers)

    def choose(
        self, layers: Layers, words: int, scores: Values, streams: Streams
    ) -> dict[str, Tensor]:
        """Choose weights; see :meth:`PositionRule.choose`."""
        lines = [layer.cols * layer.groups for layer in layers]
        wanted = [float(scores[layer.name].sum()) for layer in layers]
        counts = _lines_each(layers, words, lines, wanted)
        chosen = {}
        for layer, count in zip(layers, counts, strict=True):
            numbers = weight_numbers(layer)
            best = scores[layer.name][numbers].argsort(dim=0, descending=True, stable=True)[:count]
            chosen[layer.name] = numbers.gather(0, best).flatten().sort().values
        return chosen

    def position_bits(self, layers: Layers, chosen: Values) -> int:
        """Count the bits that store the chosen positions."""
        return sum(len(chosen[layer.name]) * count_bits(layer.rows) for layer in layers)


AnyPositions = Annotated[
    ImportanceSampling | TopK | RandomPositions | RandomDiagonals | TopDiagonals | PerColumn,
    Field(discriminator="law"),
]


def _diagonals(layer: MappedLayer) -> Tensor:
    """Return the positions of a layer's diagonals, which wrap around, shape ``(lines, words)``."""
    numbers = weight_numbers(layer)
    rows, cols = numbers.shape
    along = torch.arange(max(rows, cols))
    start = torch.arange(min(rows, cols))[:, None]
    row, col = (along, along + start) if rows >= cols else (along + start, along)
    return numbers[row % rows, col % cols]


def _largest(layers: Layers, words: int, keys: Values, *, together: bool) -> dict[str, Tensor]:
    """Take the positions with the largest keys, ranked over all layers or layer by layer."""
    if together:
        ranked = torch.cat([keys[layer.name].flatten().double() for layer in layers])
        best = ranked.topk(min(words, len(ranked))).indices.sort().values
        ends = torch.tensor([layer.weights for layer in layers]).cumsum(0)
        parts = torch.tensor_split(best, torch.searchsorted(best, ends[:-1]))
        starts = ends - torch.tensor([layer.weights for layer in layers])
        return {
            layer.name: part - start
            for layer, part, start in zip(layers, parts, starts, strict=True)
        }
    counts = _lines_each(layers, words, [1] * len(layers))
    return {
        layer.name: keys[layer.name].flatten().topk(count).indices.sort().values
        for layer, count in zip(layers, counts, strict=True)
    }


def _lines_each(
    layers: Layers, words: int, lines: Sequence[int], wanted: Sequence[float] | None = None
) -> list[int]:
    """Share words out in whole lines: by what is wanted, rounded down, then the largest remainders.

    Args:
        layers: The layers.
        words: Words to share out; never exceeded.
        lines: Words of one line of each layer.
        wanted: In which proportion; by default by the layers' sizes.
    """
    wanted = wanted if wanted is not None else [float(layer.weights) for layer in layers]
    total = sum(wanted) or 1.0
    most = [layer.weights // line for layer, line in zip(layers, lines, strict=True)]
    exact = [words * w / total / line for w, line in zip(wanted, lines, strict=True)]
    counts = [min(int(e), m) for e, m in zip(exact, most, strict=True)]
    left = words - sum(c * line for c, line in zip(counts, lines, strict=True))
    by_remainder = sorted(range(len(layers)), key=lambda i: counts[i] - exact[i])
    progress = True
    while progress:
        progress = False
        for i in by_remainder:
            if counts[i] < most[i] and lines[i] <= left:
                counts[i] += 1
                left -= lines[i]
                progress = True
    return counts


def gap_bits(positions: Tensor, weights: int) -> int:
    """Count the bits of ascending positions, as gaps in a Rice code or one bit a weight.

    A gap ``d`` takes ``floor(d / 2^k) + 1 + k`` bits; each layer has the ``k`` that is best for it.
    With a share ``p`` of the weights chosen at random this is about ``log2(1 / p) + 1.5`` bits a
    word, where an address would take ``log2(weights)``.

    Args:
        positions: Ascending positions, int64.
        weights: Number of weights of the layer.

    >>> gap_bits(torch.tensor([0, 8, 16, 24]), 1000)  # gaps of 0, 7, 7 and 7: k = 2, 3 + 3 × 4
    15

    Source:
        R. F. Rice, JPL Publication 79-22 (1979).
    """
    if not len(positions):
        return 0
    gaps = positions.diff(prepend=positions.new_tensor([-1])) - 1
    coded = min(int((gaps >> k).sum()) + len(gaps) * (k + 1) for k in range(count_bits(weights)))
    return min(coded, weights)


def _gap_bits(layers: Layers, chosen: Values) -> int:
    return sum(gap_bits(chosen[layer.name], layer.weights) for layer in layers)


def _gap_bits_per_word(share: float) -> float:
    """Return about how many bits the gap before a word takes, from above."""
    return min(math.log2(1 / share) + 2, 1 / share)
