"""A bridge with known truth: climate, slow movement, modes, crossings, damage, faulty sensors.

Everything follows from a seed. Nothing here is shared with `simulations`, so that what the
analyses find can be compared with what was put in.
"""
