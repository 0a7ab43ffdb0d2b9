// Sorting and filtering for tables of class "board". Without it they are plain, complete tables.
// A heading's data-kind says how its column is treated: "choice" is filtered by a list of its values,
// "number" sorts by the cells' data-value, "text" by what they show.

(() => {
  "use strict";

  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const shown = (row, column) => row.cells[column].textContent.trim();

  const number = (row, column) => {
    const value = row.cells[column].dataset.value;
    return value === undefined || value === "" ? null : Number(value);
  };

  const make = (kind, properties, ...children) => {
    const element = Object.assign(document.createElement(kind), properties);
    element.append(...children);
    return element;
  };

  // Empty cells come last in either direction.
  const compared = (kind, column, sign) => (a, b) => {
    if (kind !== "number") return sign * order.compare(shown(a, column), shown(b, column));
    const [x, y] = [number(a, column), number(b, column)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  };

  const sortable = (table, rows) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        rows.sort(compared(head.dataset.kind, column, descending ? -1 : 1));
        table.tBodies[0].append(...rows);
      });
    });
  };

  const choice = (head, column, rows) => {
    const values = [...new Set(rows.map((row) => shown(row, column)))].sort(order.compare);
    const select = make("select", {}, make("option", { value: "", textContent: "all" }));
    select.append(...values.map((value) => make("option", { value, textContent: value })));
    return { column, select, label: make("label", {}, head.textContent.trim(), select) };
  };

  const filterable = (table, rows) => {
    const heads = [...table.tHead.rows[0].cells];
    const choices = heads.flatMap((head, column) =>
      head.dataset.kind === "choice" ? [choice(head, column, rows)] : []
    );
    const search = make("input", { type: "search", placeholder: "any text" });
    const reset = make("button", { type: "reset", textContent: "show all" });
    const status = make("output", {});
    const form = make("form", { className: "board-filters" });
    form.append(make("label", {}, "search", search), ...choices.map((one) => one.label), reset, status);

    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const fits =
          words.every((word) => text.includes(word)) &&
          choices.every(({ column, select }) => !select.value || shown(row, column) === select.value);
        row.hidden = !fits;
        count += fits;
      }
      status.textContent = `${count} of ${rows.length} shown`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    table.closest("div.board").before(form);
    apply();
  };

  const start = () => {
    for (const table of document.querySelectorAll("table.board")) {
      const rows = [...table.tBodies[0].rows];
      filterable(table, rows);
      sortable(table, rows);
    }
    // The controls have moved the page: go again to the line that the address names.
    document.getElementById(location.hash.slice(1))?.closest("table.board tr")?.scrollIntoView({ block: "center" });
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
