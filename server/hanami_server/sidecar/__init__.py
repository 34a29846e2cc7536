"""The process of one compute host: runs its tasks, holds its live networks and speaks websocket.

Frames are answered in the event loop, without a hook, a database or another process between socket and session.
"""
