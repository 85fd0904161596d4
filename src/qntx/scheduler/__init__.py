"""Schedules at work: the ticker that fires them, their moves, and the reasons for what was done."""
