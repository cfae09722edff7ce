const data = JSON.parse(document.getElementById("data")?.textContent ?? "null");
const make = (tag, text = "", properties = {}) => Object.assign(document.createElement(tag), { textContent: text }, properties);

if (data) {
  const [gallery, viewer] = ["gallery", "viewer"].map(id => document.getElementById(id));
  const find = (part, within = gallery) => within.querySelector(part);
  const page = 24, verb = data.goal === "hit" ? "hit" : "fool";
  const achieved = (image, target) => image.answers.some(answer => answer[0] === target && answer[5] === data.goal);
  const count = image => data.judges.filter(target => achieved(image, target)).length;
  const source = (image, kind) => image.pictures[kind] ??
    find(`article[data-image="${image.id}"] img[data-kind="${kind}"]`, document)?.src;
  const by = find("[name=by]"), order = find("[name=order]");
  let shown = data.images, first = 0, current = null;

  const filters = [["all images", () => true], [`images that ${verb} any target`, image => count(image) > 0], [`images that ${verb} no target`, image => !count(image)]];
  for (let number = 2; number <= data.judges.length; number++) filters.push([`images that ${verb} at least ${number} targets`, image => count(image) >= number]);
  data.targets.forEach(name => filters.push([`images that ${verb} ${name}`, image => achieved(image, name)]));
  filters.forEach(([name], place) => by.add(new Option(name, place)));

  const turn = to => {
    first = to;
    const tiles = shown.slice(first, first + page).map(image => {
      const tile = make("button", "", { type: "button", title: image.title });
      const picture = make("img", "", { src: source(image, "adversarial"), alt: "", className: image.small ? "pixels" : "" });
      tile.append(picture, make("strong", image.title), make("span", image.tally));
      tile.addEventListener("click", () => look(image));
      return tile;
    });
    find(".tiles").replaceChildren(...tiles);
    find(".pager span").textContent = `${Math.min(first + 1, shown.length)} to ${Math.min(first + page, shown.length)} of ${shown.length}`;
    find("[data-turn='-1']").disabled = first === 0;
    find("[data-turn='1']").disabled = first + page >= shown.length;
  };
  const choose = () => {
    const sign = { id: 0, most: -1, least: 1 }[order.value];
    shown = data.images.filter(filters[by.value][1]).sort((a, b) => sign * (count(a) - count(b)) || a.id - b.id);
    find("output").textContent = `${shown.length} of ${data.images.length}`;
    turn(0);
  };
  by.addEventListener("change", choose);
  order.addEventListener("change", choose);
  gallery.querySelectorAll("[data-turn]").forEach(button => button.addEventListener("click", () => turn(first + page * button.dataset.turn)));

  const wipe = find("input[type=range]", viewer), zoom = find("[name=zoom]", viewer), difference = find("[name=difference]", viewer);
  const adjust = () => {
    const layers = find(".layers", viewer);
    layers.style.setProperty("--wipe", `${wipe.value}%`);
    layers.style.setProperty("--zoom", zoom.value);
    layers.classList.toggle("differs", difference.checked);
    wipe.disabled = difference.checked;
  };
  [wipe, zoom, difference].forEach(control => control.addEventListener("input", adjust));
  const around = () => shown.includes(current) ? shown : data.images;
  const look = image => {
    current = image;
    find("h2", viewer).textContent = `${image.title}, ${image.tally}`;
    find(".said-by p", viewer).textContent = image.about;
    viewer.querySelectorAll("[data-layer]").forEach(layer => {
      layer.src = source(image, layer.dataset.layer) ?? "data:,";
      layer.alt = `${image.title}: ${layer.dataset.layer}`;
      layer.classList.toggle("pixels", image.small);
    });
    find("[name=difference] + span", viewer).textContent = `difference ${image.difference}`;
    difference.closest("label").hidden = image.difference === null;
    difference.checked &&= image.difference !== null;
    find("tbody", viewer).replaceChildren(...image.answers.map(([target, clean, before, adversarial, after, outcome]) => {
      const row = make("tr", "", { className: outcome });
      row.append(make("th", target, { scope: "row" }), ...[[clean, before], [adversarial, after]].map(([name, share]) => {
        const cell = make("td", `${name} `);
        if (share) cell.append(make("small", `${share}\u202f%`));
        return cell;
      }));
      return row;
    }));
    viewer.querySelectorAll("[data-go]").forEach(button => { button.disabled = !around()[around().indexOf(image) + +button.dataset.go]; });
    adjust();
    if (!viewer.open) viewer.showModal();
  };
  const go = step => { const next = around()[around().indexOf(current) + step]; if (next) look(next); };
  viewer.querySelectorAll("[data-go]").forEach(button => button.addEventListener("click", () => go(+button.dataset.go)));
  find("[data-close]", viewer).addEventListener("click", () => viewer.close());
  viewer.addEventListener("keydown", event => {
    if (!event.target.matches("input, select, .stage")) go({ ArrowLeft: -1, ArrowRight: 1 }[event.key]);
  });
  document.querySelectorAll("article button.trio").forEach(button => button.addEventListener("click", () => {
    look(data.images.find(image => image.id === +button.closest("article").dataset.image));
  }));
  gallery.hidden = false;
  choose();
}
