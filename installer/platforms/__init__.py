"""Where machines come from: one module or package per platform."""
