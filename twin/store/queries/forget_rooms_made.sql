DELETE FROM partition_made
