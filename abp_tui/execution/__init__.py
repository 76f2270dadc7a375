"""Running units: one as a test, all of them in a process of their own."""
