"""RAW events → features. Pure functions on arrays and frames; nothing here knows of storage."""
