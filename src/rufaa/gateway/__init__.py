"""The public port: callbacks, the function API, and Django for the rest."""
