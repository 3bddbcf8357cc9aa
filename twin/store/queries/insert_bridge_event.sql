INSERT INTO bridge_event (
  asset_id, kind, key, at, figure_names, figure_values, word_names, word_values, flags
) VALUES (
  %(asset_id)s, %(kind)s, %(key)s, %(at)s, %(figure_names)s, %(figure_values)s, %(word_names)s,
  %(word_values)s, %(flags)s
)
ON CONFLICT (asset_id, kind, key) DO NOTHING
