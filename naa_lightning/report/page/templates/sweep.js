document.querySelectorAll("form.filter").forEach(form => {
  const rows = [...form.parentElement.querySelectorAll("table.runs tbody tr")], said = form.querySelector("output");
  form.hidden = false;
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", () => {
    const text = form.elements.text.value.trim().toLowerCase(), chosen = [...form.querySelectorAll("select")];
    rows.forEach(row => {
      row.hidden = !row.textContent.toLowerCase().includes(text) ||
        chosen.some(select => select.value && row.dataset[select.name] !== select.value);
    });
    said.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} runs`;
  });
});

document.querySelectorAll(".plot").forEach(plot => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  plot.append(tip);
  const hide = () => { tip.hidden = true; };
  plot.querySelectorAll(".point").forEach(point => {
    const show = () => {
      tip.textContent = point.getAttribute("aria-label");
      tip.hidden = false;
      const around = plot.getBoundingClientRect(), mark = point.querySelector("path").getBoundingClientRect();
      const left = mark.left - around.left + mark.width / 2 - tip.offsetWidth / 2;
      tip.style.left = `${Math.max(0, Math.min(left, around.width - tip.offsetWidth))}px`;
      tip.style.top = `${mark.top - around.top - tip.offsetHeight - 8}px`;
    };
    point.addEventListener("pointerenter", show);
    point.addEventListener("focus", show);
    point.addEventListener("pointerleave", hide);
    point.addEventListener("blur", hide);
  });
});
