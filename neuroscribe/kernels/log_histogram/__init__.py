"""Counts of every unit's values in bins of equal ratio, fixed once for all units."""
