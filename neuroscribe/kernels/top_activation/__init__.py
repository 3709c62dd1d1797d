"""Each unit's K best sequences, exactly, in one pass: peaks, keys, insertion."""
