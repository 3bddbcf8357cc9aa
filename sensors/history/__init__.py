"""Historical readings from files, through the rules of live data."""
