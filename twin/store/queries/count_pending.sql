SELECT count(*), min(due) FILTER (WHERE due <= %(at)s) FROM pending
