"""What the city is made of: frozen dataclasses and pure functions."""
