"""What methods that train on the chip itself have in common."""
