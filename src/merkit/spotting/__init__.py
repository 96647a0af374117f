"""Where in a long video a brief movement comes and goes."""
