"""Studies: one experiment is one file; run it again and it goes on where it stopped."""
