"""A second opinion on a sub-area: SUMO vehicle by vehicle, UXsim for queues of the whole city.

Cutting, XML and results are pure functions; `child` alone starts processes and writes files.
"""
