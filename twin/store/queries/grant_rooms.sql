GRANT EXECUTE ON FUNCTION twin_make_room TO twin_keep, twin_ingest, twin_work
