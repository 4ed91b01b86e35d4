"""Sessions of both protocols, driven by Hypothesis: whatever is done in whatever order, all that is known adds up."""
