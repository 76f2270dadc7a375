"""The database: everything that is known of jobs, behind one door, the `Repository`."""
