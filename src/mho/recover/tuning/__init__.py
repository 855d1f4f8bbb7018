"""Digital values of a chip that are tuned to it: biases and scales, batch norm, LoRA, DoRA, all."""

from mho.recover.tuning.biases import BiasTuning
from mho.recover.tuning.dora import Dora
from mho.recover.tuning.lora import Lora
from mho.recover.tuning.norms import BatchNormTuning
from mho.recover.tuning.retraining import Retraining

__all__ = ["BatchNormTuning", "BiasTuning", "Dora", "Lora", "Retraining"]
