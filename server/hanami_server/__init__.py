"""The server of Hanami: glue between HTTP, websockets, processes and the hooks.

It binds what plugins declare (routes, websocket targets, task kinds, compute hosts) to processes and sockets. It knows
hooks and no feature: no module here names a plugin or one of the resources that plugins serve.
"""
