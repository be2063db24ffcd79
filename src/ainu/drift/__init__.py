"""How the stage moved while a sample was recorded."""
