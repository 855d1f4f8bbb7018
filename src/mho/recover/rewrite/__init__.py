"""Writing chosen RRAM cells again until they are near enough."""

from mho.recover.rewrite.rewrite import Rewrite

__all__ = ["Rewrite"]
