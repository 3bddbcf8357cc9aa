SELECT ds, made_as, zone FROM rollup_stream
