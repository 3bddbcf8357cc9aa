DELETE FROM asset_attribute WHERE asset_id = ANY (%(asset_ids)s)
