"""Tables of measured cells: read, understood, checked, and arranged as paths over time."""
