SELECT name, asset_id, format_version, position_us, content
FROM bridge_state WHERE asset_id = %(asset_id)s AND name = %(name)s
