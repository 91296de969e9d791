"""What pages of different processes are made of: assets, templates, language, origin."""
