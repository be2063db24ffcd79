"""Figures: their style, saving, and the parts that several stages draw."""
