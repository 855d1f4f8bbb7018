"""Device laws: what is known of one kind of cell, from published numbers or from measurements."""
