"""Who may use the gateway: tokens, what they may do, and how often."""
