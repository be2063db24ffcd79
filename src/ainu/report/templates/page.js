"use strict";
// The page is whole without this file: it only sorts tables, enlarges figures and shows one nucleus at a time.

const numbers = new Intl.Collator(undefined, { numeric: true });

function compare(a, b, numeric) {
  if (a === "" || b === "") return (a === "") - (b === "");
  return numeric ? Number(a) - Number(b) : numbers.compare(a, b);
}

function sortBy(header, index) {
  const body = header.closest("table").tBodies[0];
  const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const numeric = header.classList.contains("numeric");
  const key = (row) => row.cells[index].dataset.key;
  const filled = (row) => (key(row) === "" ? 1 : 0);
  const rows = [...body.rows].sort(
    (a, b) => filled(a) - filled(b) || direction * compare(key(a), key(b), numeric));
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  body.append(...rows);
}

for (const table of document.querySelectorAll("table")) {
  [...table.tHead.rows[0].cells].forEach((header, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(header, index));
    header.append(button);
  });
}

const dialog = document.createElement("dialog");
const close = document.createElement("button");
const enlarged = document.createElement("img");
close.type = "button";
close.textContent = "Close";
close.addEventListener("click", () => dialog.close());
dialog.setAttribute("aria-label", "Enlarged figure");
dialog.append(close);
document.body.append(dialog);

for (const plot of document.querySelectorAll("img.plot")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "enlarge";
  button.textContent = "Enlarge";
  button.setAttribute("aria-label", `Enlarge: ${plot.dataset.title}`);
  button.addEventListener("click", () => {
    enlarged.src = plot.src;
    enlarged.alt = plot.alt;
    dialog.append(enlarged);
    dialog.showModal();
  });
  plot.after(button);
}

// Wide rows of tiles scroll; the keyboard has to reach what scrolls.
const reachable = () => {
  for (const box of document.querySelectorAll(".tiles-scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
window.addEventListener("resize", reachable);

const picker = document.getElementById("pick");
if (picker) {
  const box = document.getElementById("all-nuclei");
  const nuclei = [...box.querySelectorAll(".nucleus")];
  const onlyMisclassified = document.getElementById("only-misclassified");
  const picked = document.getElementById("picked");
  const listed = () => nuclei.filter((nucleus) => !onlyMisclassified.checked || nucleus.dataset.correct === "no");
  const fill = () => {
    const groups = new Map();
    for (const nucleus of listed()) {
      const label = nucleus.dataset.label;
      if (!groups.has(label)) {
        const group = document.createElement("optgroup");
        group.label = label;
        groups.set(label, group);
      }
      const marked = nucleus.dataset.correct === "no" ? " (misclassified)" : "";
      groups.get(label).append(new Option(nucleus.dataset.name + marked, nucleus.id));
    }
    picker.replaceChildren(...groups.values());
  };
  const show = (id) => {
    for (const nucleus of nuclei) nucleus.hidden = nucleus.id !== id;
    picker.value = id;
    picked.textContent = `${picker.selectedIndex + 1} of ${picker.options.length}`;
    reachable();
  };
  const step = (by) => {
    const { length } = picker.options;
    picker.selectedIndex = (picker.selectedIndex + by + length) % length;
    show(picker.value);
  };
  const follow = () => {
    const id = location.hash.slice(1);
    if (!nuclei.some((nucleus) => nucleus.id === id)) return;
    if (!listed().some((nucleus) => nucleus.id === id)) {
      onlyMisclassified.checked = false;
      fill();
    }
    box.open = true;
    show(id);
    document.getElementById(id).scrollIntoView({ block: "center" });
  };
  onlyMisclassified.closest("label").hidden = !nuclei.some((nucleus) => nucleus.dataset.correct === "no");
  onlyMisclassified.addEventListener("change", () => {
    fill();
    show(picker.options[0].value);
  });
  picker.addEventListener("change", () => show(picker.value));
  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.getElementById("next").addEventListener("click", () => step(1));
  window.addEventListener("hashchange", follow);
  box.classList.add("picking");
  box.querySelector(".pick").hidden = false;
  box.open = true;
  fill();
  show(picker.options[0].value);
  follow();
}
reachable();
