UPDATE quarantine
SET state = %(state)s, settled = settled + %(settled)s, resolved_at = %(at)s
WHERE id = %(id)s AND seen - settled >= %(settled)s
  AND (state IN (0, 3) OR (state = 1 AND seen > settled))
