// Charts by uPlot, in the page's own colours, each with its figures as a table for those who do not see it.

import { h, short } from "./dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const drawnNow = new Set();

const axis = (more) => ({
  stroke: colour("muted"),
  grid: { stroke: colour("line"), width: 1 },
  ticks: { stroke: colour("line"), width: 1 },
  font: "12px system-ui, sans-serif",
  ...more,
});

function put(figure, holder, options, data) {
  const chart = new uPlot({ width: Math.max(220, holder.clientWidth), height: 190, ...options }, data, holder);
  const watcher = new ResizeObserver(() => {
    if (holder.clientWidth) chart.setSize({ width: Math.max(220, holder.clientWidth), height: 190 });
  });
  watcher.observe(holder);
  figure.leave = () => {
    watcher.disconnect();
    chart.destroy();
    drawnNow.delete(figure);
  };
  drawnNow.add(figure);
}

export function leaveAll() {
  for (const figure of [...drawnNow]) figure.leave();
}

// A figure whose chart is drawn once it is in the document: before, it has no width.
function figure(title, label, draw, rows) {
  const holder = h("div", { role: "img", "aria-label": label });
  const made = h("figure", {}, h("figcaption", {}, title), holder, rows);
  requestAnimationFrame(() => made.isConnected && draw(made, holder));
  return made;
}

function asTable(heads, rows) {
  const head = h("tr", {}, heads.map((one) => h("th", { scope: "col" }, one)));
  const body = rows.map((row) => h("tr", {}, row.map((one, place) => h(place ? "td" : "th", place ? {} : { scope: "row" }, one))));
  const sheet = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures" }, h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
  return h("details", {}, h("summary", {}, "As a table"), sheet);
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");

// Lines over time: `lines` are [name, values, colour, as bars].
export function overTime(title, times, lines, show = short) {
  const series = lines.map(([name, , tint, bars]) => ({
    label: name,
    stroke: colour(tint),
    fill: bars ? colour(tint) : undefined,
    width: bars ? 0 : 1.75,
    spanGaps: true,
    points: { show: false },
    paths: bars ? uPlot.paths.bars({ size: [0.8, 24] }) : uPlot.paths.stepped ? uPlot.paths.linear() : undefined,
    value: (_, value) => (value === null || value === undefined ? "–" : show(value)),
  }));
  const draw = (made, holder) =>
    put(made, holder, {
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
      series: [{ label: "time", value: (_, value) => (value ? clock(value) : "–") }, ...series],
      axes: [axis({ values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString("en-GB").slice(0, times.at(-1) - times[0] > 900 ? 5 : 8)), space: 70 }), axis({ size: 66, values: (_, ticks) => ticks.map(show) })],
    }, [times, ...lines.map(([, values]) => values)]);
  const rows = times.map((time, place) => [clock(time), ...lines.map(([, values]) => (values[place] === null ? "–" : show(values[place])))]);
  const label = `${title}: ${lines.map(([name]) => name).join(", ")} over time; the figures are in the table below`;
  return figure(title, label, draw, asTable(["Time", ...lines.map(([name]) => name)], rows));
}

// Stacked bars, one for each label: `layers` are [name, values, colour], lowest first. The highest is drawn first, behind the others.
export function stacked(title, labels, layers) {
  const sums = layers.map((_, upTo) => labels.map((__, place) => layers.slice(0, upTo + 1).reduce((sum, [, values]) => sum + values[place], 0)));
  const places = labels.map((_, place) => place);
  const draw = (made, holder) =>
    put(made, holder, {
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: (_, least, most) => [0, most * 1.1 || 1] } },
      series: [
        { label: "compaction", value: (_, value) => (value === null || value === undefined ? "–" : labels[value]) },
        ...layers.map(([name, values, tint], place) => ({
          label: name, stroke: colour(tint), fill: colour(tint), width: 0, points: { show: false },
          paths: uPlot.paths.bars({ size: [0.6, 48] }),
          value: (_, __, ___, index) => (index === null || index === undefined ? "–" : short(values[index])),
        })).reverse(),
      ],
      axes: [axis({ splits: () => places, values: () => labels.map((_, place) => `${place + 1}`), grid: { show: false } }), axis({ size: 56, values: (_, ticks) => ticks.map(short) })],
    }, [places, ...[...sums].reverse()]);
  const rows = labels.map((label, place) => [label, ...layers.map(([, values]) => short(values[place]))]);
  return figure(title, `${title}; the figures are in the table below`, draw, asTable(["Compaction", ...layers.map(([name]) => name)], rows));
}
