"""The folds of runs as jobs of a cluster: submitit hands them over, a shared folder takes them."""
