COPY (SELECT ds, t, v, q, rev FROM latest WHERE rev > %(since)s) TO STDOUT (FORMAT BINARY)
