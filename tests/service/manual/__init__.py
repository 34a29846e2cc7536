"""What the user manual of OpenHanami shows, command by command and call by call, against a real server.

Where the manual contradicts the program that it describes, the program counts; such a place has a comment.
"""
