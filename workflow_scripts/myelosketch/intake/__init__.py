"""Checks that each file of a scan is what it should be, before anything expensive starts."""
