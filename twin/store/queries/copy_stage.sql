COPY stage (t, v, ds, q) FROM STDIN (FORMAT BINARY)
