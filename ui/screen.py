"""The screen: conversations, the chat and the ranked book, and which handler each event calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from copilot.access import Principal
from ui.handlers import Handlers, View
from ui.texts import texts

if TYPE_CHECKING:
    from ui.app import Desk

AT_ONCE = 8  # handlers of one kind that run at the same time
# A click on anything with one of these marks inside the HTML is an event of the component.
_CLICKS = """element.addEventListener('click', (event) => {
  const found = event.target.closest('[data-row], [data-thread], [data-aspect], [data-verdict]');
  if (found) trigger('click', {...found.dataset});
});"""
_ICON = (
    '<svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><rect width="32" height="32" rx="8" '
    'fill="#0f766e"/><path d="M8 21l6-6 4 4 7-8" stroke="#fff" stroke-width="3" fill="none" stroke-linecap="round" '
    'stroke-linejoin="round"/></svg>'
)


def blocks(desk: Desk, whose: Callable[[str | None], Principal | None]) -> gr.Blocks:
    """Return the page. ``whose`` tells whose session a cookie's token is, fresh from the store."""
    text = texts()
    with gr.Blocks(title=text["product"], analytics_enabled=False, fill_width=True, fill_height=True) as page:
        view, names = gr.State(View()), gr.State(())
        header = gr.HTML(
            f'<div class="sc-brand">{_ICON}<span>{text["product"]}</span></div>',
            elem_id="sc-header",
            apply_default_css=False,
        )
        with gr.Row(elem_id="sc-body", equal_height=True):
            with gr.Column(elem_id="sc-threads", min_width=0, scale=0):
                new = gr.Button("New conversation", elem_id="sc-new", size="sm")
                threads = gr.HTML(elem_id="sc-thread-list", js_on_load=_CLICKS, apply_default_css=False)
            with gr.Column(elem_id="sc-chat", min_width=0, scale=1):
                chat = gr.Chatbot(
                    elem_id="sc-messages",
                    show_label=False,
                    container=False,
                    height="100%",
                    layout="panel",
                    buttons=["copy"],
                    feedback_options=("Like", "Dislike"),
                    latex_delimiters=[],
                    allow_tags=False,
                    sanitize_html=True,
                    allow_file_downloads=False,
                    placeholder=f"## {text['welcome']}\n{text['subtitle']}",
                )
                approval = gr.HTML(elem_id="sc-approval", js_on_load=_CLICKS, apply_default_css=False)
                opinion = gr.HTML(elem_id="sc-opinion", js_on_load=_CLICKS, apply_default_css=False)
                box = gr.Textbox(
                    elem_id="sc-box",
                    show_label=False,
                    container=False,
                    placeholder=text["placeholder"],
                    lines=1,
                    max_lines=6,
                    max_length=2000,
                    submit_btn=True,
                    autofocus=True,
                )
                state = gr.HTML(elem_id="sc-state", apply_default_css=False)
            with gr.Column(elem_id="sc-book", min_width=0, scale=0):
                gr.HTML('<h2 class="sc-title">Your ranked book</h2>', apply_default_css=False)
                book = gr.HTML(elem_id="sc-book-rows", js_on_load=_CLICKS, apply_default_css=False)

        do = Handlers(
            desk,
            whose,
            _ICON,
            chat=chat,
            box=box,
            view=view,
            threads=threads,
            opinion=opinion,
            approval=approval,
            book=book,
            header=header,
            state=state,
            names=names,
        )
        talk = [chat, box, view, threads, opinion, approval]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        page.load(do.open, None, [*talk, book, header, state, names], **private)
        asking: list[Any] = [
            box.submit(do.ask, [box, view], talk, trigger_mode="once", **private),
            chat.option_select(do.ask_chosen, [view], talk, trigger_mode="once", **private),
            chat.example_select(do.ask_chosen, [view], talk, trigger_mode="once", **private),
        ]
        box.stop(do.stop, [view], talk, cancels=asking, **private)
        new.click(do.new, None, talk, cancels=asking, **private)
        threads.click(do.show, None, talk, cancels=asking, **private)
        book.click(do.pick, [names], [box], **private)
        chat.like(do.like, [view], None, **private)
        opinion.click(do.judge, [view], [view, opinion], **private)
        approval.click(do.decide, [view], [view, approval], trigger_mode="once", **private)
    queued: gr.Blocks = page.queue(default_concurrency_limit=AT_ONCE)
    return queued
