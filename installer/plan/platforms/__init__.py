"""What a plan says about each platform."""
