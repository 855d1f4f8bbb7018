"""Engines: where the work of a study is done. They differ in speed, never in a number."""
