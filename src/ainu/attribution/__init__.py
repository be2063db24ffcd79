"""Where the evidence lies: maps, the checks that they have to pass, and what they say of biology."""
