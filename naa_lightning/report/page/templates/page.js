document.querySelector("[data-copy]")?.addEventListener("click", ({ target }) => {
  getSelection().selectAllChildren(target.previousElementSibling);
  document.execCommand("copy");
  target.textContent = "copied";
});

document.querySelectorAll("table.sortable").forEach(table => {
  const heads = [...table.querySelectorAll("thead th[data-sort]")];
  heads.forEach(head => {
    const button = document.createElement("button"), isText = head.dataset.sort === "text";
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const key = row => {
      const cell = row.cells[head.cellIndex];
      if (isText) return cell.textContent.trim().toLowerCase();
      return cell.dataset.value ? +cell.dataset.value : null;
    };
    button.addEventListener("click", () => {
      const up = head.hasAttribute("aria-sort") ? head.getAttribute("aria-sort") === "descending" : isText;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = (a, b) => {
        const x = key(a), y = key(b);
        if (x === null || y === null) return (x === null) - (y === null);
        return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
      };
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter(row => !row.classList.contains("fixed"));
        rows.sort(order).forEach(row => body.insertBefore(row, body.querySelector(".last")));
      }
    });
  });
});
