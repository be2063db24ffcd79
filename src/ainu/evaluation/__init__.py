"""How well the classes are distinguished, and what else could explain it."""
