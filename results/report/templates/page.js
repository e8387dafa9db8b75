"use strict";
// Sorting, filtering and drawing. Everything that is read stands in the page already.
(() => {
  document.body.classList.add("scripted");

  // ---- Tables: a header sorts, a second time the other way round; what is empty stays last.
  const keyOf = (cell) => (cell.dataset.key !== undefined ? Number(cell.dataset.key) : cell.textContent.trim());
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });

  const sort = (table, place, header) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [keyOf(row.cells[place]), row]);
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      return down ? compare(b, a) : compare(a, b);
    });
    body.append(...rows.map(([, row]) => row));
  };

  for (const table of document.querySelectorAll(".table table")) {
    [...table.tHead.rows[0].cells].forEach((header, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, place, header));
    });
  }

  for (const box of document.querySelectorAll(".table")) {
    const words = box.querySelector(".filter-words");
    if (!words) continue;
    const rows = [...box.querySelectorAll("tbody tr")];
    const count = box.querySelector(".filter-count");
    const filter = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const shown = wanted.every((word) => text.includes(word));
        row.classList.toggle("filtered", !shown);
        left += shown;
      }
      count.textContent = `${left} of ${rows.length} rows`;
    };
    words.addEventListener("input", filter);
    filter();
  }

  // The room of a plot is there before the plot: what is linked to stays in view.
  const plots = [...document.querySelectorAll(".plot")];
  for (const plot of plots) plot.style.minHeight = `${plot.dataset.height}px`;

  // ---- A link to a network opens its section.
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", openTarget);
  openTarget();

  // ---- Plots. Their script is compressed in the page; it runs once it is open.
  if (!plots.length) return;
  const load = async () => {
    const text = document.getElementById("plotly").textContent;
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  };

  const colours = (printing) => {
    const style = getComputedStyle(document.documentElement);
    const of = (name, printed) => (printing ? printed : style.getPropertyValue(name).trim());
    return { ink: of("--ink", "#000000"), line: of("--line", "#bbbbbb"), paper: of("--paper", "#ffffff") };
  };
  const themed = (layout, printing) => {
    const { ink, line, paper } = colours(printing);
    const found = {
      "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
      "font.color": ink, "hoverlabel.bgcolor": paper, "hoverlabel.font.color": ink,
    };
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      for (const part of ["gridcolor", "linecolor", "zerolinecolor"]) found[`${axis}.${part}`] = line;
    }
    (layout.updatemenus || []).forEach((_, i) => {
      // The button that is chosen is nearly white whatever one asks for, and so all are light.
      found[`updatemenus[${i}].bgcolor`] = "#d5dbe3";
      found[`updatemenus[${i}].bordercolor`] = line;
      found[`updatemenus[${i}].font.color`] = "#1b1f24";
    });
    return found;
  };

  const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  let isPrinting = false;
  const draw = (plot) => {
    if (plot.dataset.drawn || !window.Plotly) return;
    plot.dataset.drawn = "";
    const { data, layout } = JSON.parse(plot.nextElementSibling.textContent);
    const font = { family: "system-ui, sans-serif", size: 13 };
    const margin = { l: 10, r: 10, t: 40, b: 10, ...layout.margin };
    Plotly.newPlot(plot, data, { ...layout, font, margin, autosize: true }, CONFIG);
    Plotly.relayout(plot, themed(layout, isPrinting));
  };
  const drawn = () => plots.filter((plot) => plot.dataset.drawn !== undefined);
  const isOpen = (plot) => !plot.closest("details:not([open])");

  const start = async () => {
    if (typeof DecompressionStream === "undefined") {
      document.querySelector(".without-plots").hidden = false;
      for (const plot of plots) plot.closest("figure").hidden = true;
      return;
    }
    await load();
    plots.filter(isOpen).forEach(draw);
    for (const section of document.querySelectorAll("details")) {
      section.addEventListener("toggle", () => section.open && section.querySelectorAll(".plot").forEach(draw));
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const plot of drawn()) Plotly.relayout(plot, themed(plot.layout, false));
    });
    document.documentElement.dataset.ready = "";
  };
  start();

  // ---- Printed is all of it: sections open, plots as wide as the paper, in dark ink.
  let opened = [];
  addEventListener("beforeprint", () => {
    isPrinting = true;
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const section of opened) section.open = true;
    plots.forEach(draw);
    for (const plot of drawn()) {
      const height = plot.closest("details") ? 250 : Number(plot.dataset.height);
      plot.style.minHeight = "0";
      Plotly.relayout(plot, { ...themed(plot.layout, true), width: 680, height });
    }
  });
  addEventListener("afterprint", () => {
    isPrinting = false;
    for (const section of opened) section.open = false;
    for (const plot of drawn()) {
      const height = Number(plot.dataset.height);
      plot.style.minHeight = `${height}px`;
      Plotly.relayout(plot, { ...themed(plot.layout, false), width: null, height, autosize: true });
    }
  });
})();
