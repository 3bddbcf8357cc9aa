-- Every series reads the whole of "dirty" to know which rollups are not up to date. Rows come with
-- each commit and go with each pass of the upkeep: without an early vacuum the dead ones pile up.
ALTER TABLE dirty SET (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
