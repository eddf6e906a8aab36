"""Who runs what. The protocol note is PROTOCOL.md beside this file."""
