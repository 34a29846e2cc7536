"""Faults that the product must survive, injected for real; docs/reliability.md is the table of them."""
