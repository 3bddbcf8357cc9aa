"""Joint analysis: what a measure does to bridges and to traffic; pure functions of both models."""
