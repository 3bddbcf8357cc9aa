SELECT twin_expire_states(%(before)s)
