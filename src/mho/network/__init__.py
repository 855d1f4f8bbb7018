"""PyTorch networks on crossbars: mapping with coverage, chips, their state at a time."""
