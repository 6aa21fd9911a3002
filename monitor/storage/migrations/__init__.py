"""The versions of the schema, run by `monitor.storage.upgrade`."""
