"""Plugins in interpreters of their own. The public names are in `subpool`; guests import `subpool.sandbox.guest`."""
