"""The live view of the city in the browser."""
