"""What a reading is worth: time, limits, sensor faults, features, gaps. Pure."""
