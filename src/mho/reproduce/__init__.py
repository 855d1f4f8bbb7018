"""The papers' headline results on our data, the expected value beside the measured one."""
