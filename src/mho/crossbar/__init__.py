"""Crossbars: weights to conductances and back, tiles, converters, the analogue product."""
