"""Section growth beside other ways to learn digits: the same data, the same machine, one run."""
