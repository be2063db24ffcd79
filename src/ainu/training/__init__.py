"""Which nuclei a network is trained on, and how."""
