"""The values and rules of the program: no files, no database, no processes."""
