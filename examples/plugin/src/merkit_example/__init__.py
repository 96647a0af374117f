"""One thing of each kind that a package can add to merkit; pyproject.toml says where they are."""
