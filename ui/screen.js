// What the page does itself: folding panels on small screens, copying an answer's text, and the way to the login page.
(() => {
  const plainFetch = window.fetch.bind(window);
  window.fetch = async (...asked) => {
    const answer = await plainFetch(...asked);
    if (answer.status === 401) window.location.assign("/login");
    return answer;
  };

  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // Without HTTPS browsers offer only the old way.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  // The class sits on the panels' own row: Gradio keeps this style sheet to what is inside its container.
  const panels = () => document.getElementById("sc-body")?.classList;
  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-toggle]");
    const side = toggle && toggle.dataset.toggle;
    for (const name of ["threads", "book"]) {
      const panel = document.getElementById(`sc-${name}`);
      const inside = panel && panel.contains(event.target) && !event.target.closest("button, [data-row]");
      const open = name === side ? !panels()?.contains(`sc-show-${name}`) : inside;
      if (toggle || !inside) panels()?.toggle(`sc-show-${name}`, Boolean(open));
    }
    // Gradio copies the source of a message; people want what they see.
    const button = event.target.closest('button[title*="opy"]');
    const row = button && button.closest(".bot-row");
    if (!row || !row.querySelector(".sc-foot")) return;
    const texts = [...row.querySelectorAll(".message-content")]
      .filter((part) => !part.closest(".thought-group") && !part.querySelector(".sc-foot"))
      .map((part) => part.innerText.trim());
    event.stopImmediatePropagation();
    copy(texts.join("\n\n"));
    button.classList.add("sc-copied");
    setTimeout(() => button.classList.remove("sc-copied"), 1200);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") panels()?.remove("sc-show-threads", "sc-show-book");
  });
})();
