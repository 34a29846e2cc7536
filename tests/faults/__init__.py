"""Faults that the product must survive, injected for real: one file for each row of the table in docs/reliability.md."""
