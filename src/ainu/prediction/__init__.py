"""Predictions of trained networks: out of fold and of new samples, calibrated, with what is out of distribution."""
