SELECT kind, cadence_s, quantity FROM datastream WHERE number = %(number)s
