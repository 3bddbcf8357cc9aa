"""The city: its model, its store and its use cases."""
