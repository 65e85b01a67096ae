"""Who works on what: the value of a touch, the first choice of action and the assignment plan (CPOG §4.1)."""
