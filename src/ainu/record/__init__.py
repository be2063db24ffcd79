"""What a result was made from: the code that a job uses, and the record of a run."""
