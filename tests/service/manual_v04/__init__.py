"""What the manuals of OpenHanami v0.4.0 and v0.4.1 show, call by call, against a real server.

The two differ in direct IO alone: in the first each call waits, in the second there are coroutines. Answers are
compared field by field with what the manuals print; where that is not what their program did, the program counts, and
such a place has a comment.
"""
