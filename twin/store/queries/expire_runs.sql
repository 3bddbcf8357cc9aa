SELECT runs, bases FROM twin_expire_runs(%(before)s, %(kept_bases)s)
