"""Bundles: what a device would load, and what proves that it is whole."""
