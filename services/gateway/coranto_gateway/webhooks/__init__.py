"""Webhooks: finished articles posted to addresses that asked for them, signed, in order, and until they are taken."""
