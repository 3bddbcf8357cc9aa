SELECT coalesce(d.privacy_class, ''), count(*), min(q.last_seen), max(q.last_seen)
FROM quarantine AS q LEFT JOIN datastream AS d ON d.number = q.ds
WHERE q.last_seen < %(before)s AND (%(classes)s::text [] IS NULL OR d.privacy_class = ANY (%(classes)s))
GROUP BY 1
