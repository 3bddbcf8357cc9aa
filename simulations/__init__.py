"""What would happen: traffic and structural models and the worker that runs them."""
