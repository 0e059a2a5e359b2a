"""Small widgets that screens are composed of: each draws one thing and holds no business rule."""
