"""Where the units of a job run: on this machine, or on the nodes of a cluster."""
