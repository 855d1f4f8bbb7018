"""What compensation is compared with over a life: rewriting, tuning anew, an adapter a level."""

from mho.recover.levels.adapters import LevelDora, LevelLora
from mho.recover.levels.recurring import Recurring
from mho.recover.levels.refresh import Refresh

__all__ = ["LevelDora", "LevelLora", "Recurring", "Refresh"]
