"use strict";
// The page reads without this. Here: which rows the tables show, their order, and the pictures, which take the same numbers.

const parts = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#7f7f7f"];

/** Vega, Vega-Lite and vegaEmbed, unpacked into this page. */
async function load() {
  const bytes = Uint8Array.from(atob(document.getElementById("library").textContent.trim()), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

function look() {
  const style = getComputedStyle(document.documentElement);
  const [text, soft, line] = ["--text", "--soft", "--line"].map(name => style.getPropertyValue(name).trim());
  return {
    background: null,
    font: "system-ui, sans-serif",
    axis: { labelSeparation: 8, labelColor: text, titleColor: text, gridColor: line, domainColor: soft, tickColor: soft, labelFontSize: 12, titleFontSize: 12 },
    legend: { labelColor: text, titleColor: text, labelFontSize: 12, symbolLimit: 30 },
    view: { stroke: null },
    range: { category: colours },
  };
}

function draw(element, spec, beside = 90) {
  const width = Math.max(180, Math.min(element.clientWidth - beside, 760));
  const sized = { width, height: Math.min(340, width), autosize: { type: "pad" }, config: look(), ...spec };
  return vegaEmbed(element, sized, { renderer: "svg", actions: false });
}

class Part {
  constructor(section, data) {
    Object.assign(this, { section, data });
    this.form = section.querySelector("form");
    this.tables = [...section.querySelectorAll(".networks")];
    this.rows = [...section.querySelectorAll(".networks tbody tr")];
    this.inside = null; // what was dragged over, in the units of the axes
    const { x, y } = this.form.elements;
    for (const select of [x, y]) select.append(...data.axes.map(axis => new Option(axis.title, axis.key)));
    const first = keys => keys.find(key => data.axes.some(axis => axis.key === key)) ?? data.axes[0]?.key;
    x.value = first(["latency_ms", "flops"]);
    y.value = first(["score", "val"]);
    this.form.hidden = false;
    this.form.addEventListener("submit", event => event.preventDefault());
    this.form.addEventListener("input", event => {
      if (["x", "y", "place", "runs"].includes(event.target.name)) this.redraw();
      this.filter();
    });
    this.form.elements.clear.addEventListener("click", () => {
      this.form.elements.text.value = "";
      this.redraw();
      this.filter();
    });
    for (const button of section.querySelectorAll(".networks th button")) button.addEventListener("click", () => this.sort(button.parentElement));
    this.form.elements.runs.checked = data.runs.length <= 300;
    this.filter();
  }

  axis(name) {
    return this.data.axes.find(axis => axis.key === this.form.elements[name].value);
  }

  /** A group or a run as the chart has it; null where a number is missing. */
  point(row, x, y) {
    if (!x || !y || (row.place ?? "") !== this.form.elements.place.value || row[x.key] === undefined || row[y.key] === undefined) return null;
    return { ...row, x: row[x.key] * x.scale, y: row[y.key] * y.scale };
  }

  filter() {
    const { place, text, all } = this.form.elements;
    const [x, y, wanted] = [this.axis("x"), this.axis("y"), text.value.toLowerCase()];
    let [shown, total] = [0, 0];
    for (const row of this.rows) {
      const group = this.data.groups[row.dataset.number], point = this.inside && this.point(group, x, y);
      const here = (group.place ?? "") === place.value;
      const within = !this.inside || (point && ["x", "y"].every(k => point[k] >= this.inside[k][0] && point[k] <= this.inside[k][1]));
      row.hidden = !here || !within || !group.name.toLowerCase().includes(wanted);
      total += here;
      shown += !row.hidden;
    }
    for (const table of this.tables) {
      table.hidden = table.dataset.place !== place.value;
      table.classList.toggle("all", all.checked);
    }
    this.section.querySelector(".shown").textContent = `${shown} of ${total} networks`;
  }

  sort(head) {
    const table = head.closest("table"), key = head.dataset.key, up = head.ariaSort !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = row => this.data.groups[row.dataset.number][key] ?? row.cells[head.cellIndex].textContent;
    const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : typeof a === typeof b ? a.localeCompare(b) : typeof a === "number" ? -1 : 1);
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => (up ? 1 : -1) * compare(value(a), value(b))));
  }

  /** What the table says of a group, for the hover. */
  told(number) {
    const row = this.rows.find(each => each.dataset.number === String(number)), heads = row.closest("table").tHead.rows[0].cells;
    const cells = [...row.cells].filter((cell, i) => i && !cell.classList.contains("more"));
    const titles = [...heads].filter((cell, i) => i && !cell.classList.contains("more"));
    return Object.fromEntries(cells.map((cell, i) => [titles[i].textContent, cell.textContent]));
  }

  async redraw() {
    this.inside = null;
    const [x, y, form] = [this.axis("x"), this.axis("y"), this.form.elements];
    const element = this.section.querySelector(".scatter");
    const half = y.key === "score" ? y.scale : 0;
    const groups = this.data.groups.map((row, number) => this.point({ ...row, number }, x, y)).filter(Boolean).reverse(); // marked ones on top
    if (!groups.length) {
      element.textContent = "No network has both numbers here.";
      return;
    }
    for (const row of groups) {
      row.tip = { title: row.name, ...this.told(row.number) };
      Object.assign(row, { low: row.y - half * (row.score_half ?? 0), high: row.y + half * (row.score_half ?? 0) });
    }
    const runs = form.runs.checked ? this.data.runs.map(row => this.point(row, x, y)).filter(Boolean) : [];
    for (const row of runs) {
      row.tip = { title: `${row.name}, seed ${row.seed}`, [x.title]: +row.x.toPrecision(6), [y.title]: +row.y.toPrecision(6), made: row.file };
      if (row.measured) row.tip.measured = row.measured;
    }
    // The points set the scale: the interval of a network of few runs may be many times as long, and is cut off there.
    const heights = [...groups, ...runs].map(row => row.y), span = Math.max(...heights) - Math.min(...heights);
    const ends = groups.flatMap(row => [row.low, row.high]), room = 0.5 * span || Infinity;
    const domain = [Math.max(Math.min(...ends, ...heights), Math.min(...heights) - room), Math.min(Math.max(...ends, ...heights), Math.max(...heights) + room)];
    const across = { field: "x", type: "quantitative", title: x.title, scale: { zero: false, padding: 15 } };
    const upwards = { field: "y", type: "quantitative", title: y.title, scale: { domain, zero: false, padding: 10 } };
    const narrow = element.clientWidth < 600;
    const crowded = new Set(groups.map(row => row.series)).size > 20;
    const legend = crowded ? null : { title: null, orient: narrow ? "bottom" : "right", columns: narrow ? 3 : 1, symbolOpacity: 1 };
    const colour = { field: "series", type: "nominal", legend };
    const shape = { condition: [{ test: "datum.mark === 'take' || datum.mark === 'nearest'", value: "M0,-1L.24,-.31L.95,-.31L.38,.12L.59,.81L0,.38L-.59,.81L-.38,.12L-.95,-.31L-.24,-.31Z" }], value: "circle" };
    const size = { condition: { test: "datum.mark === 'take' || datum.mark === 'nearest'", value: 420 }, value: 110 };
    const ring = { condition: { test: "datum.mark !== ''", value: look().axis.labelColor }, value: null };
    const result = await draw(element, {
      encoding: { x: across, y: upwards, color: colour, tooltip: { field: "tip" } },
      layer: [
        ...(runs.length ? [{ data: { values: runs }, mark: { type: "point", filled: true, size: 22, opacity: 0.55 } }] : []),
        { data: { values: groups }, mark: { type: "rule", clip: true }, encoding: { y: { ...upwards, field: "low" }, y2: { field: "high" } } },
        {
          data: { values: groups },
          params: [{ name: "brush", select: "interval" }],
          mark: { type: "point", filled: true, opacity: 1, strokeWidth: 1.5 },
          encoding: { shape, size, stroke: ring },
        },
      ],
    }, narrow ? 90 : 230);
    result.view.addSignalListener("brush", (name, value) => {
      this.inside = value.x && value.y ? Object.fromEntries(["x", "y"].map(k => [k, [...value[k]].sort((a, b) => a - b)])) : null;
      this.filter();
    });
  }

  async train() {
    const element = this.section.querySelector(".curves");
    if (!element) return;
    const values = this.data.curves.flatMap(run => run.values.map((score, i) => ({ name: run.name, mark: run.mark, epoch: i + 1, score })));
    const marks = ["take", "nearest", "dense", "other"];
    await draw(element, {
      data: { values },
      mark: { type: "line", point: { size: 12 } },
      encoding: {
        x: { field: "epoch", type: "quantitative", title: "epoch", axis: { tickMinStep: 1 } },
        y: { field: "score", type: "quantitative", title: this.data.metric, scale: { zero: false } },
        detail: { field: "name" },
        color: { field: "mark", type: "nominal", legend: null, scale: { domain: marks, range: [colours[1], colours[1], look().axis.labelColor, "#8b95a1"] } },
        strokeWidth: { condition: [{ test: "datum.mark === 'other'", value: 1 }, { test: "datum.mark === 'dense'", value: 2 }], value: 3.5 },
        tooltip: [{ field: "name", title: "network" }, { field: "epoch" }, { field: "score", title: this.data.metric }],
      },
    });
  }
}

const shown = [...document.querySelectorAll(".data")].map((section, i) => new Part(section, parts[i]));
async function drawAll() {
  for (const part of shown) {
    await part.redraw();
    await part.train();
  }
  document.documentElement.dataset.drawn = "yes";
}
load().then(async () => {
  await drawAll();
  let later;
  const again = () => {
    clearTimeout(later);
    later = setTimeout(drawAll, 250);
  };
  dark.addEventListener("change", again);
  addEventListener("resize", again);
});
