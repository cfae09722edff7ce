document.querySelectorAll("table.sortable").forEach(table => {
  const heads = [...table.querySelectorAll("thead th[data-sort]")];
  heads.forEach(head => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending" ||
        (!head.hasAttribute("aria-sort") && head.dataset.sort === "text");
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const key = row => {
        const cell = row.cells[+head.dataset.column];
        if (head.dataset.sort === "text") return cell.textContent.trim().toLowerCase();
        return cell.dataset.value === undefined || cell.dataset.value === "" ? null : +cell.dataset.value;
      };
      const order = (a, b) => {
        const x = key(a), y = key(b);
        if (x === null || y === null) return (x === null) - (y === null);
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? 1 : -1);
      };
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter(row => !row.classList.contains("fixed"));
        const after = [...body.rows].find(row => row.classList.contains("last")) || null;
        rows.sort(order).forEach(row => body.insertBefore(row, after));
      }
    });
  });
});
