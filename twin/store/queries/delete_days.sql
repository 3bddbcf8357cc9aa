DELETE FROM rollup_1d WHERE ds = ANY (%(ds)s)
