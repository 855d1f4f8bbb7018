"""Digital values of a chip that are tuned to it: biases and scales, batch norm, LoRA, DoRA."""

from mho.recover.tuning.biases import BiasTuning
from mho.recover.tuning.dora import Dora
from mho.recover.tuning.lora import Lora
from mho.recover.tuning.norms import BatchNormTuning

__all__ = ["BatchNormTuning", "BiasTuning", "Dora", "Lora"]
