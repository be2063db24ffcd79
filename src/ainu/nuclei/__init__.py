"""Nuclei: found, measured, and their orientation."""
