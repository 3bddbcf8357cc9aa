"""User equilibrium: pricing, path pool, gradient projection."""
