"""Which replicates are tested together, so that nothing leaks from training to test."""
