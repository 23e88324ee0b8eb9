"""The store: shards of arrays, built once and read by everyone."""
