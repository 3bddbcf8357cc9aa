SELECT rate = %(rate)s AND n = %(n)s AND dtype = 1 AND v = %(v)s
FROM waveform WHERE ds = %(ds)s AND t0 = %(t0)s
