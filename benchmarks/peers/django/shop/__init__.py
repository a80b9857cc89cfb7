"""M-Pesa as it is taken with Django and django-daraja, by that package's README: a peer of the benchmarks."""
