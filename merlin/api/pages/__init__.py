"""The pages that people open in a browser or within Telegram: routes, views, templates, assets."""
