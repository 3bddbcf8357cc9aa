"""Parts of pages: functions from state to Dash components."""
