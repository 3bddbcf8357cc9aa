"""Bridge mechanics: influence lines, grillage, modes, load models, fatigue. Pure."""
