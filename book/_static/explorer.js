/* The explorer: a map of an embedding, and the curves of its training, from data in the page.

   `recluster.report.explorer` leaves [script element, data] pairs in `window.explorers`; each is built
   right behind its script. Nothing is fetched. On pages without an explorer nothing happens. */
(() => {
  "use strict";

  const PALETTE = [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
    "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
  ];
  const IMAGE = 84; // side of the image beside a point, in CSS pixels
  const REACH = 28; // how far from a point the pointer still finds it
  const MARGIN = 14;

  const colour = (i) => PALETTE[i] ?? `hsl(${(i * 137.5) % 360} 65% 55%)`;

  /** An element with attributes and children; a text is a child too. */
  function made(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** Places in [0, 1] from 16-bit numbers, x and y by turns. */
  function places(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return Array.from(new Uint16Array(bytes.buffer), (value) => value / 65535);
  }

  /** A canvas as large as it is shown, sharp on every screen, with its context in CSS pixels. */
  function cleared(canvas) {
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    return [context, width, height];
  }

  const ink = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

  class Explorer {
    constructor(script, data) {
      this.data = data;
      for (const run of data.runs) run.at = places(run.places);
      this.build();
      script.after(this.root);
      this.listen();
      this.choose(0);
    }

    build() {
      const { runs } = this.data;
      this.select = made("select");
      for (const name of new Set(runs.map((run) => run.data))) {
        const members = runs.filter((run) => run.data === name);
        const options = members.map((run) => made("option", { value: runs.indexOf(run) }, `${run.name}, ${name}`));
        this.select.append(made("optgroup", { label: `${name} (${members[0].scale} scale)` }, ...options));
      }
      this.colouring = made("select", {},
        made("option", { value: "class" }, "true class"),
        made("option", { value: "cluster" }, "cluster"));
      this.map = made("canvas", { tabindex: 0, role: "img", "aria-describedby": "explorer-help" });
      this.image = made("div", { class: "explorer-image" });
      this.caption = made("span");
      this.card = made("div", { class: "explorer-card", hidden: "" }, this.image, this.caption);
      this.said = made("p", { class: "explorer-said", "aria-live": "polite" });
      this.legend = made("ul", { class: "explorer-legend" });
      this.chart = made("canvas", { role: "img" });
      this.slider = made("input", { type: "range", min: 1, step: 1 });
      this.epoch = made("output");
      this.values = made("dl");
      this.course = made("div", { class: "explorer-course" },
        made("label", {}, "Epoch ", this.slider, this.epoch), this.chart, this.values);
      this.root = made("section", { class: "explorer", "aria-label": "Explorer of embeddings" },
        made("div", { class: "explorer-controls" },
          made("label", {}, "Run ", this.select),
          made("label", {}, "Colour by ", this.colouring)),
        made("div", { class: "explorer-map" }, this.map, this.card),
        this.said, this.legend,
        made("p", { class: "explorer-help", id: "explorer-help" },
          "Point at a sample, touch it, or go from one to the next with the arrow keys; Escape lets go."),
        this.course);
    }

    listen() {
      this.select.addEventListener("change", () => this.choose(Number(this.select.value)));
      this.colouring.addEventListener("change", () => this.drawMap());
      this.slider.addEventListener("input", () => this.drawCourse());
      for (const kind of ["pointermove", "pointerdown"]) {
        this.map.addEventListener(kind, (event) => this.pick(this.nearest(event.offsetX, event.offsetY)));
      }
      this.map.addEventListener("pointerleave", (event) => {
        if (event.pointerType === "mouse") this.pick(null);
      });
      this.map.addEventListener("keydown", (event) => this.press(event));
      const redraw = () => {
        this.drawMap();
        this.drawCourse();
        if (this.picked !== null) this.placeCard(this.picked);
      };
      new ResizeObserver(redraw).observe(this.root);
      new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    }

    /** Show the run of this number. */
    choose(number) {
      this.run = this.data.runs[number];
      this.set = this.data.sets[this.run.data];
      this.picked = null;
      const { name, data, seed, losses, epochs } = this.run;
      this.map.setAttribute("aria-label", `Map of the embedding by ${name} of ${data}`);
      const ends = Object.values(losses).map((loss) => loss.first + loss.values.length - 1);
      this.slider.max = Math.max(...epochs, ...ends);
      this.slider.value = this.slider.max;
      this.course.hidden = Number(this.slider.max) < 2;
      this.summary = `${name} on ${data}, seed ${seed}: ${this.set.rows.length} samples.`;
      this.pick(null);
      this.drawCourse();
    }

    // --- the map ------------------------------------------------------------------------------

    place(i, width, height) {
      const { at } = this.run;
      return [MARGIN + at[2 * i] * (width - 2 * MARGIN), MARGIN + at[2 * i + 1] * (height - 2 * MARGIN)];
    }

    /** Number of the colour of sample i: its class, or the class that its cluster stands for. */
    shade(i) {
      if (this.colouring.value === "class") return this.set.classes[i];
      return this.shadeOfCluster(this.run.labels[i]);
    }

    shadeOfCluster(label) {
      return this.run.stands[label] ?? Math.max(...this.set.classes) + 1 + label;
    }

    drawMap() {
      const [context, width, height] = cleared(this.map);
      context.globalAlpha = 0.85;
      for (let i = 0; i < this.run.labels.length; i++) {
        const [x, y] = this.place(i, width, height);
        context.fillStyle = colour(this.shade(i));
        context.beginPath();
        context.arc(x, y, 3, 0, 7);
        context.fill();
      }
      this.drawLegend();
      if (this.picked === null) return;
      const [x, y] = this.place(this.picked, width, height);
      context.globalAlpha = 1;
      context.strokeStyle = ink(this.root, "color");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, 7, 0, 7);
      context.stroke();
    }

    drawLegend() {
      const byClass = this.colouring.value === "class";
      const names = [...new Set(byClass ? this.set.classes : this.run.labels)].sort((a, b) => a - b);
      const items = names.map((name) => {
        const dot = made("span", { style: `background:${colour(byClass ? name : this.shadeOfCluster(name))}` });
        return made("li", {}, dot, String(name));
      });
      this.legend.replaceChildren(made("li", {}, byClass ? "class" : "cluster"), ...items);
    }

    /** The sample nearest to a place on the canvas, or null if none is in reach. */
    nearest(left, top) {
      const [width, height] = [this.map.clientWidth, this.map.clientHeight];
      let [best, least] = [null, REACH];
      for (let i = 0; i < this.run.labels.length; i++) {
        const [x, y] = this.place(i, width, height);
        const apart = Math.hypot(x - left, y - top);
        if (apart < least) [best, least] = [i, apart];
      }
      return best;
    }

    press(event) {
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key === "Escape") this.pick(null);
      if (!(event.key in ways)) return;
      event.preventDefault();
      this.pick(this.picked === null ? this.central() : this.neighbour(...ways[event.key]));
    }

    central() {
      const { at } = this.run;
      const apart = (i) => Math.hypot(at[2 * i] - 0.5, at[2 * i + 1] - 0.5);
      return this.run.labels.reduce((best, _, i) => (apart(i) < apart(best) ? i : best), 0);
    }

    /** The nearest sample on that side of the picked one; itself at the map's edge. */
    neighbour(right, down) {
      const [width, height] = [this.map.clientWidth, this.map.clientHeight];
      const [fromX, fromY] = this.place(this.picked, width, height);
      let [best, least] = [this.picked, Infinity];
      for (let i = 0; i < this.run.labels.length; i++) {
        const [x, y] = this.place(i, width, height);
        const ahead = (x - fromX) * right + (y - fromY) * down;
        const aside = Math.abs((x - fromX) * down + (y - fromY) * right);
        if (ahead > 1 && ahead >= aside && ahead + aside < least) [best, least] = [i, ahead + aside];
      }
      return best;
    }

    /** Mark a sample and show its image, cluster and class; null lets go. */
    pick(i) {
      this.picked = i;
      this.card.hidden = i === null;
      if (i === null) {
        this.said.textContent = this.summary;
      } else {
        const text = `cluster ${this.run.labels[i]}, class ${this.set.classes[i]}`;
        this.caption.textContent = text;
        this.said.textContent = `Sample ${this.set.rows[i]}: ${text}.`;
        this.showImage(i);
        this.placeCard(i);
      }
      this.drawMap();
    }

    showImage(i) {
      const { sheet, columns } = this.set;
      this.image.hidden = !sheet;
      if (!sheet) return;
      const [column, row] = [i % columns, Math.floor(i / columns)];
      Object.assign(this.image.style, {
        width: `${IMAGE}px`,
        height: `${IMAGE}px`,
        backgroundImage: `url(${sheet})`,
        backgroundSize: `${columns * IMAGE}px auto`,
        backgroundPosition: `${-column * IMAGE}px ${-row * IMAGE}px`,
      });
    }

    /** Beside the point, on the side where there is room, and never beyond the map. */
    placeCard(i) {
      const [width, height] = [this.map.clientWidth, this.map.clientHeight];
      const [x, y] = this.place(i, width, height);
      const [wide, high] = [this.card.offsetWidth, this.card.offsetHeight];
      const left = x + 16 + wide > width ? x - 16 - wide : x + 16;
      const top = y - 16 - high < 0 ? y + 16 : y - 16 - high;
      this.card.style.left = `${Math.max(0, Math.min(left, width - wide))}px`;
      this.card.style.top = `${Math.max(0, Math.min(top, height - high))}px`;
    }

    // --- the course of the training -----------------------------------------------------------

    /** All curves: name, epochs, values, and the range in which they are drawn. */
    curves() {
      const { scores, epochs, losses } = this.run;
      const scored = Object.entries(scores).map(([name, values]) =>
        ({ name: name.toUpperCase(), epochs, values, low: 0, high: 1, score: true }));
      const lost = Object.entries(losses).map(([name, { first, values }]) => ({
        name, values, epochs: values.map((_, i) => first + i), score: false,
        low: Math.min(...values), high: Math.max(...values),
      }));
      return [...scored, ...lost];
    }

    drawCourse() {
      if (this.course.hidden) return;
      const now = Number(this.slider.value);
      this.epoch.textContent = ` ${now} of ${this.slider.max}`;
      const curves = this.curves();
      const [context, width, height] = cleared(this.chart);
      const across = (epoch) => 6 + ((epoch - 1) / (this.slider.max - 1)) * (width - 12);
      const middle = height / 2;
      curves.forEach((curve, i) => {
        const [top, bottom] = curve.score ? [6, middle - 6] : [middle + 20, height - 6];
        const span = curve.high - curve.low || 1;
        context.strokeStyle = colour(i);
        context.lineWidth = 1.8;
        context.beginPath();
        curve.values.forEach((value, j) =>
          context.lineTo(across(curve.epochs[j]), bottom - ((value - curve.low) / span) * (bottom - top)));
        context.stroke();
      });
      context.strokeStyle = context.fillStyle = ink(this.root, "--pst-color-text-muted") || "gray";
      context.font = `12px ${ink(this.root, "font-family")}`;
      context.fillText("scores, from 0 to 1", 6, 14);
      context.fillText("losses and counts, each over its own range", 6, middle + 14);
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(across(now), 0);
      context.lineTo(across(now), height);
      context.moveTo(0, middle);
      context.lineTo(width, middle);
      context.stroke();
      this.readValues(curves, now);
    }

    /** Each curve's value at the epoch, or the last before it. */
    readValues(curves, now) {
      const items = curves.map((curve, i) => {
        const at = curve.epochs.findLastIndex((epoch) => epoch <= now);
        const known = at >= 0 && !(now > curve.epochs.at(-1) && !curve.score);
        const dot = made("span", { style: `background:${colour(i)}` });
        return made("div", {}, made("dt", {}, dot, curve.name),
          made("dd", {}, known ? String(curve.values[at]) : "–"));
      });
      this.values.replaceChildren(...items);
      this.chart.setAttribute("aria-label", `Scores above, losses below, at epoch ${now}`);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const [script, data] of window.explorers ?? []) {
      if (!data.runs.length) continue;
      document.documentElement.classList.add("has-explorer");
      new Explorer(script, data);
    }
  });
})();
