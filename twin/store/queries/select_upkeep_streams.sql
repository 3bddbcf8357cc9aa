SELECT number, quantity, kind, cadence_s, privacy_class FROM datastream ORDER BY number
