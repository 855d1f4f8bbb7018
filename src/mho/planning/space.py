"""What is searched: mappings, students, shares of SRAM, widths of words, structures and probes."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from mho.device.law import Law
from mho.errors import ConfigError
from mho.files import os_sentence

Structure = Literal[
    "top-k", "importance-sampling", "per-column", "top-diagonals", "diagonals", "random"
]
Options: TypeAlias = dict[str, Any]
DISTILLED, ADAPTED, PROBED = "distilled", "adapted", "probed"
"""Names of a recipe's steps."""
_MOST_PATTERNS = 16
"""Most patterns that probe correction may give to a layer."""


class Recipe(Law):
    """One way to put a network onto a chip.

    Attributes:
        mapping: How weights become conductances: how many cells a weight has.
        scale: What shares a scale: a ``"layer"`` or a ``"column"``.
        distill_epochs: Epochs of distillation; 0 leaves the digital network's weights.
        share: Share of the weights that get an SRAM word; 0 is none.
        word_bits: Bits of a word; None without words.
        structure: Rule that chooses the weights; None without words.
        probes: Numbers that probe correction stores, over the number of weights; 0 is none.
        clip_sd: Standard deviations beyond which weights saturate; 0: none does.
    """

    mapping: str
    scale: Literal["layer", "column"]
    distill_epochs: float = 0.0
    share: float = 0.0
    word_bits: int | None = None
    structure: Structure | None = None
    probes: float = 0.0
    clip_sd: float = 0.0

    @property
    def mapping_table(self) -> Options:
        """The mapping as the table of a study."""
        values: Options = {"law": self.mapping, "scale": self.scale}
        return {**values, "clip_sd": self.clip_sd} if self.clip_sd else values

    def __str__(self) -> str:
        parts = [f"{self.mapping}, scale per {self.scale}"]
        if self.clip_sd:
            parts.append(f"clipped at {self.clip_sd:g} sd")
        if self.distill_epochs:
            parts.append(f"distilled {self.distill_epochs:g} epochs")
        if self.share:
            parts.append(f"{self.share:.2%} in {self.word_bits}-bit SRAM words ({self.structure})")
        if self.probes:
            parts.append(f"probe correction storing {self.probes:.2%}")
        return ", ".join(parts)


class Space(Law):
    """What is searched, and how thoroughly.

    Args:
        mappings: Names of mappings.
        scales: What shares a scale.
        distill_epochs: Epochs of distillation; 0 is none.
        shares: Shares of the weights in SRAM; 0 is none.
        word_bits: Bits of a word.
        structures: Rules that choose the weights.
        probes: Storage of probe correction, over the number of weights; 0 is none.
        clips: Standard deviations beyond which weights saturate, which costs nothing and helps
            where few outliers set the scale of all others (in transformers); 0: none does.
        distill: Further settings of the distillation.
        adapt: Further settings of the sparse adaptation.
        minimise: What cheap means: the chip's ``"area"`` with all that is added, or the
            ``"energy"`` of an inference.
        book: Price book.
        trials: Recipes to screen.
        screening_images: Training images that recipes are screened on; no recovery sees them.
        screening_chips: Chips that a recipe is screened on.
        finalists: Recipes of the front that are judged on test data and other chips.
        final_chips: Chips that they are judged on. All of 20 chips say that the yield is above
            83 %, all of 59 that it is above 94 %, at a confidence of 95 %.
    """

    mappings: tuple[str, ...] = ("differential-pair", "sign-magnitude", "single-device")
    scales: tuple[Literal["layer", "column"], ...] = ("column", "layer")
    distill_epochs: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 20.0)
    shares: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (
        0.0, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.045, 0.07, 0.1, 0.15,
    )  # fmt: skip
    word_bits: tuple[Annotated[int, Field(ge=2, le=16)], ...] = (4, 6, 8)
    structures: tuple[Structure, ...] = ("top-k", "per-column", "top-diagonals")
    probes: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.0, 0.005, 0.02)
    clips: tuple[Annotated[float, Field(ge=0)], ...] = (0.0,)
    distill: Options = Field(default_factory=dict)
    adapt: Options = Field(default_factory=dict)
    minimise: Literal["area", "energy"] = "area"
    book: str = "neurosim-charan2020"
    trials: Annotated[int, Field(ge=1)] = 40
    screening_images: Annotated[int, Field(ge=10)] = 500
    screening_chips: Annotated[int, Field(ge=2)] = 5
    finalists: Annotated[int, Field(ge=1)] = 4
    final_chips: Annotated[int, Field(ge=2)] = 30

    def recipes(self) -> Iterator[Recipe]:
        """Yield every recipe once; without words, their width and structure are not asked for."""
        outer = itertools.product(
            self.mappings, self.scales, self.distill_epochs, sorted(self.probes), self.clips
        )
        for mapping, scale, epochs, probes, clip_sd in outer:
            common: Options = {
                "mapping": mapping, "scale": scale, "distill_epochs": epochs, "probes": probes,
                "clip_sd": clip_sd,
            }  # fmt: skip
            if 0.0 in self.shares:
                yield Recipe(**common)
            words = itertools.product(sorted(self.shares), self.word_bits, self.structures)
            for share, bits, structure in words:
                if share:
                    yield Recipe(**common, share=share, word_bits=bits, structure=structure)

    def steps(self, recipe: Recipe) -> list[Options]:
        """Return a recipe as the ``[[recover]]`` tables of a study.

        A chip reads itself last, words included; where outliers saturate it reads itself first,
        since words set right what a read-out would take for an error.
        """
        steps: list[Options] = []
        if recipe.distill_epochs:
            steps.append(
                {
                    "name": DISTILLED,
                    "method": "distill",
                    "epochs": recipe.distill_epochs,
                    **self.distill,
                }
            )
        on_chip: list[Options] = []
        if recipe.share:
            on_chip.append(
                {
                    "name": ADAPTED,
                    "method": "sparse-adaptation",
                    "budget": recipe.share,
                    "word_bits": recipe.word_bits,
                    "positions": {"law": recipe.structure},
                    **self.adapt,
                }
            )
        if recipe.probes:
            on_chip.append(
                {
                    "name": PROBED,
                    "method": "probe-correction",
                    "rank": _MOST_PATTERNS,
                    "storage": recipe.probes,
                }
            )
        return steps + (on_chip[::-1] if recipe.clip_sd else on_chip)


def load_space(path: str | Path | None) -> Space:
    """Read a space from a TOML file; everything not said there has its default.

    Args:
        path: The file, or None for all defaults.

    Raises:
        ConfigError: It cannot be read, or a key or value is not understood.
    """
    if path is None:
        return Space()
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(os_sentence(error, "read", path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"space {path} is not TOML: {error}. Correct that place.") from None
    return Space.parse(values, where=f"space {path}")
