SELECT asset_id, kind, key, at, figure_names, figure_values, word_names, word_values, flags
FROM bridge_event
WHERE asset_id = %(asset_id)s AND at >= %(start)s AND at < %(end)s
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY at DESC, kind COLLATE "C", key COLLATE "C"
LIMIT %(limit)s
