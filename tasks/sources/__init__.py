"""One file a log format: bytes in, RAW frames out. Knows nothing of storage, plans or stages."""
