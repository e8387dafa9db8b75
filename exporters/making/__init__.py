"""From a network and options to a proved file, made now or found in the cache."""
