"""What `subpool plugin` can do, one module each: `new`, `check`, `run`, `list`."""
