"""What merkit is made of, and on what terms: packages, what lies inside them, models, databases."""
