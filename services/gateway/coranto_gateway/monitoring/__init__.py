"""How the pipeline and the gateway do: what is sampled, kept and counted."""
