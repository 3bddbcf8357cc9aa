SELECT name, asset_id, format_version, position_us, content
FROM bridge_state WHERE name = %(name)s
