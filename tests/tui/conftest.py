"""Textual reads this before it is imported: key tests are ten times faster without animations."""

import os

os.environ["TEXTUAL_ANIMATIONS"] = "none"
