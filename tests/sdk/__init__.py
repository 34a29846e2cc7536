"""Tests of the SDK against a small server on real sockets."""
