"""Pages: functions from a view of the city to Dash components, and their callbacks."""
