"""What pages of different processes are made of: assets, drawing, language, origin."""
