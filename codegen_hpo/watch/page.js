// Shows what the server tells. All text is set as text, never as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 240; // px of the chart
const SHOWN = 300; // rows of the table: the latest

const at = (id) => document.getElementById(id);
let metric = "";
let trials = [];
let standing = null;
let received = 0; // when the standing came, in ms of this page's clock

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function number(value) {
  if (value === null || value === undefined) return "–";
  return String(Number(value.toPrecision(5)));
}

function seconds(value) {
  const whole = Math.max(0, Math.round(value));
  if (whole < 120) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 120 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Seconds since the standing came: nothing goes on in a run that is not running.
function passed() {
  return standing.state === "running" ? (performance.now() - received) / 1000 : 0;
}

function showState(word) {
  at("state").textContent = word === "lost" ? "connection lost" : word;
  at("state").className = `state ${word}`;
}

function showStanding() {
  showState(standing.state);
  at("why").hidden = !standing.why;
  at("why").textContent = standing.state === "done" ? `The search ended: ${standing.why}.` : standing.why;
  const best = standing.best;
  at("best").textContent = best ? number(best.score) : "–";
  at("best-of").textContent = best ? `${metric}, ${best.name}` : "no trial has a score yet";
  const final = standing.final;
  at("final").hidden = !final;
  at("final").textContent = final
    ? `Final model, ${final.name}: ${number(final.validation)} on validation, ` +
      `${number(final.test)} on the sealed test rows`
    : "";
  const rows = standing.baselines.map((row) => `${row.name} ${number(row.score)}`);
  at("baselines").textContent = rows.length ? `Baselines: ${rows.join(", ")}` : "";
  showTime();
  showTrials();
}

function showTime() {
  if (!standing) return;
  const since = passed();
  const works = standing.works.map((work) => {
    const row = make("tr", undefined, work.verb === "waits" ? "waits" : "");
    row.append(make("td", work.verb), make("td", work.about));
    const usually = work.usual_s === null ? "" : `, usually ${seconds(work.usual_s)}`;
    const epoch = work.passed ? `, ${work.passed}` : "";
    row.append(make("td", work.seconds === null ? "" : seconds(work.seconds + since) + usually + epoch));
    row.append(make("td", work.detail));
    return row;
  });
  at("works").tBodies[0].replaceChildren(...works);
  at("idle").hidden = works.length > 0;
  at("spent").replaceChildren(...standing.spent.map((row) => spentRow(row, since)));
}

function spentRow(row, since) {
  const inTime = row.name === "seconds";
  const used = row.used + (inTime ? since : 0);
  const text = inTime ? seconds : String;
  const line = make("div", undefined, "spent");
  line.append(make("span", inTime ? "time" : row.name));
  const bar = make("progress");
  bar.max = row.limit || 1;
  bar.value = row.limit ? Math.min(used, row.limit) : 0;
  bar.style.visibility = row.limit ? "visible" : "hidden";
  bar.setAttribute("aria-label", row.name);
  const failed = row.name === "trials" && standing.failed ? `, ${standing.failed} failed` : "";
  line.append(bar, make("span", (row.limit ? `${text(used)} of ${text(row.limit)}` : text(used)) + failed));
  return line;
}

function showTrials() {
  const rows = trials.slice(-SHOWN).reverse().map(trialRow);
  at("trials").tBodies[0].replaceChildren(...rows);
  showChart();
}

function trialRow(trial) {
  const lead = standing && standing.best && standing.best.name === trial.name;
  const row = make("tr", undefined, lead ? "best" : trial.loss === null ? "failed" : "");
  row.append(make("td", trial.candidate ? `${trial.name} ${trial.candidate}` : trial.name), make("td", trial.by));
  row.append(make("td", trial.loss === null ? trial.status : number(trial.score)));
  row.append(make("td", trial.seconds.toFixed(1)));
  row.append(make("td", trial.epochs ? `${trial.epochs} (${trial.stopped})` : ""));
  const curve = make("td");
  curve.append(sparkline(trial.curve));
  const call = make("td", trial.call);
  if (trial.error) call.append(make("div", trial.error, "error"));
  if (trial.reasoning) call.append(make("div", trial.reasoning, "quiet"));
  row.append(curve, call);
  return row;
}

function sparkline(values) {
  const svg = draw("svg", { width: 80, height: 18, viewBox: "0 0 80 18", "aria-hidden": "true" });
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return svg;
  const low = Math.min(...known), high = Math.max(...known);
  const points = known.map((value, place) => {
    const x = 1 + (78 * place) / (known.length - 1);
    const y = high > low ? 1 + (16 * (high - value)) / (high - low) : 9;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  svg.append(draw("polyline", { points: points.join(" "), class: "curve" }));
  return svg;
}

// The worst fifth of the scores may stand at the edge: they would press all others into a line.
function range(scored, baseline) {
  const byLoss = [...scored].sort((a, b) => a.loss - b.loss);
  const values = byLoss.slice(0, Math.max(2, Math.ceil(byLoss.length * 0.8))).map((trial) => trial.score);
  if (baseline !== null) values.push(baseline);
  const low = Math.min(...values), high = Math.max(...values);
  const margin = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.1 || 1;
  return [low < 0 ? low - margin : Math.max(0, low - margin), high + margin];
}

function bestBaseline(scored) {
  if (!standing) return null;
  const known = standing.baselines.filter((row) => row.score !== null);
  const sign = scored.some((trial) => trial.loss !== trial.score) ? -1 : 1;
  return known.length ? known.reduce((a, b) => (sign * b.score < sign * a.score ? b : a)).score : null;
}

function showChart() {
  const out = standing ? standing.disqualified : [];
  const scored = trials.filter((trial) => trial.loss !== null && !out.includes(trial.name));
  const chart = at("chart");
  const width = chart.clientWidth || 720;
  const plot = { left: 56, right: width - 12, top: 10, bottom: HEIGHT - 28 };
  chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  chart.replaceChildren();
  at("legend").textContent = "";
  if (!scored.length) return;
  const baseline = bestBaseline(scored);
  const [low, high] = range(scored, baseline);
  const last = Math.max(2, trials[trials.length - 1].number);
  const x = (trial) => plot.left + ((plot.right - plot.left) * (trial - 1)) / (last - 1);
  const y = (score) => {
    const inside = Math.min(high, Math.max(low, score));
    return plot.bottom - ((plot.bottom - plot.top) * (inside - low)) / (high - low);
  };
  for (const part of [0, 0.5, 1]) {
    const score = low + part * (high - low);
    chart.append(draw("line", { x1: plot.left, x2: plot.right, y1: y(score), y2: y(score), class: "axis" }));
    chart.append(draw("text", { x: plot.left - 6, y: y(score) + 4, "text-anchor": "end" }, String(Number(score.toPrecision(3)))));
  }
  for (const trial of new Set([1, last])) {
    chart.append(draw("text", { x: x(trial), y: plot.bottom + 18, "text-anchor": "middle" }, String(trial)));
  }
  if (baseline !== null) {
    chart.append(draw("line", { x1: plot.left, x2: plot.right, y1: y(baseline), y2: y(baseline), class: "base" }));
  }
  let best = null;
  const steps = [];
  for (const trial of scored) {
    const inside = trial.score >= low && trial.score <= high;
    const height = y(trial.score);
    const leads = best === null || trial.loss < best.loss;
    if (leads) {
      if (best) steps.push(`${x(trial.number)},${y(best.score)}`);
      best = trial;
    }
    steps.push(`${x(trial.number)},${y(best.score)}`);
    const kind = leads ? "point lead" : inside ? "point" : "point cut";
    const point = draw("circle", { cx: x(trial.number), cy: height, r: 4, class: kind });
    point.append(draw("title", {}, `${trial.name} ${trial.by} ${number(trial.score)}`));
    chart.append(point);
  }
  steps.push(`${plot.right},${y(best.score)}`);
  chart.append(draw("polyline", { points: steps.join(" "), class: "lead-line" }));
  at("legend").textContent =
    "Line: the best so far. " + (baseline === null ? "" : "Dashes: the best baseline. ") +
    "Open circles lie outside of the range.";
}

function addAttempts(rows) {
  at("attempts-part").hidden = false;
  for (const row of rows) {
    const item = make("li", `${row.candidate}, attempt ${row.attempt}, ${row.author}: ` +
      (row.findings.length ? "sent back" : "passed every gate"));
    const list = make("ul");
    for (const finding of row.findings) list.append(make("li", finding, "error"));
    if (row.more) list.append(make("li", `and ${row.more} more`));
    if (row.findings.length) item.append(list);
    at("attempts").append(item);
  }
}

const source = new EventSource("events");
const on = (kind, receive) => source.addEventListener(kind, (event) => receive(JSON.parse(event.data)));

source.addEventListener("open", () => {
  // the server tells everything from the begin
  trials = [];
  standing = null;
  at("attempts").replaceChildren();
});
source.addEventListener("error", () => showState("lost"));
on("run", (run) => {
  metric = run.metric;
  at("name").textContent = run.name;
  document.title = `${run.name} – codegen-hpo`;
  at("task").textContent = [run.task, run.metric].filter(Boolean).join(", ");
});
on("attempts", addAttempts);
on("trials", (rows) => {
  trials = trials.concat(rows).sort((a, b) => a.number - b.number);
});
on("standing", (now) => {
  standing = now;
  received = performance.now();
  showStanding();
});
on("trouble", (text) => {
  source.close();
  showState("lost");
  at("why").hidden = false;
  at("why").textContent = text;
});
setInterval(showTime, 1000);
window.addEventListener("resize", showChart);
