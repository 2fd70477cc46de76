"""All that is known of Redis Streams: the interface, its Redis form, connections, errors, scripts."""
