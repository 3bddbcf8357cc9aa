SELECT twin_expire_snapshots(%(before)s)
