// Draws each `figure.chart-of` from the table that stands beside it: first column x, the others one line each.
// Colours are the page's own; the numbers stay in the table, for whoever reads without the drawing.
"use strict";
(() => {
  const HEIGHT = 280;
  const COLOURS = ["--accent", "--gated", "--kept", "--exact", "--review", "--total", "--ink", "--near"];
  const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
  const short = (value) => value === null ? "" : Math.abs(value) < 1e15 ? compact.format(value) : value.toExponential(1);
  const labels = (_, ticks) => ticks.map(short);
  const shown = [];

  function columns(table) {
    const rows = [...table.tBodies[0].rows];
    return [...table.tHead.rows[0].cells].map((_, column) =>
      rows.map((row) => {
        const text = row.cells[column].dataset.v;
        return text === undefined || text === "" ? null : Number(text);
      }));
  }

  // Whole numbers, as steps are, get whole ticks.
  function whole(values) {
    if (!values.every(Number.isInteger)) return {};
    return { incrs: Array.from({ length: 31 }, (_, place) => [1, 2, 5][place % 3] * 10 ** Math.floor(place / 3)) };
  }

  function draw(figure) {
    const table = figure.querySelector("table");
    const place = figure.querySelector(".plot");
    const data = columns(table);
    place.replaceChildren();
    if (!data.length || !data[0].length) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    const lines = names.slice(1).map((label, number) => ({
      label,
      stroke: colour(COLOURS[number % COLOURS.length]),
      dash: DASHES[Math.floor(number / COLOURS.length) % DASHES.length],
      width: 2,
      spanGaps: true,
      points: { show: data[0].length < 30 },
    }));
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      scales: { x: { time: false }, y: figure.dataset.top ? { range: [0, Number(figure.dataset.top)] } : {} },
      axes: [{ ...axis, ...whole(data[0]), label: names[0], labelSize: 20, space: 64, values: labels }, { ...axis, size: 64, values: labels }],
      series: [{ label: names[0] }, ...lines],
    };
    shown.push([figure, new uPlot(options, data, place)]);
  }

  function drawAll() {
    while (shown.length) shown.pop()[1].destroy();
    document.querySelectorAll("figure.chart-of").forEach(draw);
  }

  addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("resize", () => shown.forEach(([figure, plot]) =>
    plot.setSize({ width: figure.querySelector(".plot").clientWidth, height: HEIGHT })));
})();
