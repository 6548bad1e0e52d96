// Appended to a copy of index.html by tests/test_index.py: uses every control as a person would, and leaves what came of it
// in the page.
(async () => {
  const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  const drawn = async () => {
    while (!document.documentElement.dataset.drawn) await wait(50);
    await wait(400);
  };
  const visible = list => [...list].filter(element => element.getClientRects().length).length;
  const found = { first: null, overflow: null, links: [], parts: [] };
  await drawn();
  const verdicts = [...document.querySelectorAll(".verdict")].map(each => each.getBoundingClientRect().bottom);
  found.first = { lowest: Math.max(...verdicts), height: innerHeight, width: innerWidth };
  found.overflow = document.scrollingElement.scrollWidth - innerWidth;
  found.links = [...document.querySelectorAll("a")].map(link => link.getAttribute("href"));
  found.unlabelled = [...document.querySelectorAll("select, input, button")].filter(each => !each.labels?.length && !each.textContent.trim()).length;
  for (const section of document.querySelectorAll(".data")) {
    const form = section.querySelector("form").elements;
    const rows = () => visible(section.querySelectorAll(".networks tbody tr"));
    const marks = () => section.querySelectorAll(".scatter svg .mark-symbol.role-mark path").length;
    const set = async (name, value) => {
      const control = form[name];
      control[control.type === "checkbox" ? "checked" : "value"] = value;
      control.dispatchEvent(new Event("input", { bubbles: true }));
      await wait(300);
    };
    const part = { rows: rows(), marks: marks(), axes: {}, places: {} };
    for (const name of ["x", "y"]) {
      const before = form[name].value;
      for (const option of [...form[name].options]) {
        await set(name, option.value);
        part.axes[`${name} ${option.value}`] = marks();
      }
      await set(name, before);
    }
    await set("runs", false);
    part.groups = marks();
    await set("text", "DENSE");
    part.named = rows();
    form.clear.click();
    await wait(300);
    part.cleared = rows();
    const columns = () => visible(section.querySelectorAll(".networks:not([hidden]) thead th"));
    part.columns = columns();
    await set("all", true);
    part.all = columns();
    await set("all", false);
    const head = section.querySelector(".networks:not([hidden]) th[data-key=flops]");
    const flops = () => [...head.closest("table").tBodies[0].rows].map(row => parseFloat(row.cells[head.cellIndex].textContent));
    head.firstElementChild.click();
    part.up = flops();
    head.firstElementChild.click();
    part.down = flops();

    section.querySelector(".scatter").scrollIntoView();
    await wait(200);
    const box = section.querySelector(".scatter svg .mark-group .background").getBoundingClientRect();
    const mouse = (target, kind, x, y) => target.dispatchEvent(new MouseEvent(kind, { bubbles: true, clientX: x, clientY: y, view: window }));
    const [left, top, middle, bottom] = [box.left + 2, box.top + 2, box.left + box.width * 0.5, box.bottom - 2];
    mouse(document.elementFromPoint(left, top), "mousedown", left, top);
    for (const share of [0.3, 0.7, 1]) mouse(window, "mousemove", left + share * (middle - left), top + share * (bottom - top));
    mouse(window, "mouseup", middle, bottom);
    await wait(300);
    part.brushed = rows();
    form.clear.click();
    await wait(300);
    part.unbrushed = rows();

    const point = [...section.querySelectorAll(".scatter svg .mark-symbol.role-mark path")].at(-1);
    const at = point.getBoundingClientRect();
    mouse(point, "mousemove", at.x + at.width / 2, at.y + at.height / 2);
    mouse(point, "mouseover", at.x + at.width / 2, at.y + at.height / 2);
    await wait(300);
    part.tip = document.querySelector("#vg-tooltip-element")?.textContent ?? "";
    const place = form.place.value;
    for (const option of [...form.place.options]) {
      await set("place", option.value);
      part.places[option.value] = rows();
    }
    await set("place", place);
    part.curves = section.querySelectorAll(".curves svg .mark-line path").length;
    found.parts.push(part);
  }
  return found;
})().catch(error => ({ error: String(error), stack: error.stack })).then(found => {
  const said = document.createElement("pre");
  said.id = "found";
  said.textContent = JSON.stringify(found);
  top.document.body.append(said);
});
