"""Devices that run a firmware: links, the protocol, emulators and flashers."""
