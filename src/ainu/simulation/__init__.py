"""Simulated nuclei of known structure."""
