"""Where the evidence lies: maps, their checks, and summaries by compartment, by localization and over simulations."""
