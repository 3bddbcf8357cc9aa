"""Traffic what-if: network, demand, equilibrium, comparison and state estimation. Pure."""
