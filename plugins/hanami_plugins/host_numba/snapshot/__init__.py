"""Answers from weights of 8 bits: what the template setting ``precision: int8`` asks for.

A request takes a snapshot of a network: its weights, divided by the borders of their sources and rounded to whole
numbers from -127 to 127, with one scale for each hidden neuron. Inputs that are bytes need no rounding, so that the
sums of a cycle are sums of integers: exact, in any order, on any processor. Processors that multiply bytes (VNNI)
answer about twice as fast. All that comes after the sums is computed as usual.

`take` is plain NumPy and knows when there is no snapshot; `ReferenceNetwork.answer_bytes` says what the kernel
computes.
"""
