"""The test kit for plugins: conformance suites. It needs pytest, which the server itself does not."""
