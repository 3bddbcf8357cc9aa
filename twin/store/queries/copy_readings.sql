COPY reading (t, v, ds, q) FROM STDIN (FORMAT BINARY)
