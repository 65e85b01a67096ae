"""How the screen looks: system fonts, one calm colour, light and dark; nothing is loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ui.login import FAVICON

_HERE = Path(__file__).parent


def theme() -> Any:
    """Return Gradio's theme."""
    import gradio as gr

    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        text_size=gr.themes.sizes.text_md,
        radius_size=gr.themes.sizes.radius_lg,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Consolas", "monospace"],
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="#0f1419",
        background_fill_primary_dark="#171d25",
        background_fill_secondary_dark="#171d25",
        block_background_fill_dark="#171d25",
        border_color_primary_dark="#2c3641",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_600",
    )


def style() -> str:
    """Return the screen's own rules."""
    return (_HERE / "screen.css").read_text(encoding="utf-8")


def head() -> str:
    """Return what goes into the page's head: the icon and the page's few lines of script."""
    script = (_HERE / "screen.js").read_text(encoding="utf-8")
    return f'<link rel="icon" href="{FAVICON}"><script>{script}</script>'
