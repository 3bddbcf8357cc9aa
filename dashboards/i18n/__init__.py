"""Words of the interface: one catalogue per language, and how numbers and times are written."""
