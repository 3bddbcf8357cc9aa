SELECT twin_compress(%(is_wanted)s, %(compress_after)s)
