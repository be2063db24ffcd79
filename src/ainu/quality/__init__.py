"""Quality filters, and quality control of each sample."""
