"""Ways to win back accuracy; all share one protocol and compose in order."""
