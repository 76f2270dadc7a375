"""The terminal app in a browser, for one person."""
