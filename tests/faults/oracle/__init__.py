"""
The oracle: a program that says lines in every way there is, a ledger of what was accepted, and a
checker that compares both with what the store holds. See the modules for each.
"""
