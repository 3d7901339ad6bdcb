"use strict";
const stepper = () => {
  const $ = (id) => document.getElementById(id);
  const numbers = (row) => [...row.querySelectorAll("data")];
  const steps = [...$("steps").tBodies[0].rows].map((row) => ({
    time: row.cells[0].textContent,
    shares: numbers(row).map((one) => ({ value: Number(one.value), text: one.textContent })),
  }));
  const rows = [...document.querySelectorAll(".now tbody tr")];
  const names = rows.map((row) => row.querySelector(".name").textContent);
  const charts = [...document.querySelectorAll(".chart")].map((svg) => ({
    cursor: svg.querySelector(".cursor"),
    lines: [...svg.querySelectorAll("polyline")].map((line) => [...line.points].map((p) => [p.x, p.y])),
    dots: [...svg.querySelectorAll("circle")],
  }));
  const slider = $("step"), last = steps.length - 1, playing = { timer: null };
  let now = last;

  const when = (step) => (step === last ? "at the end" : step === 0 ? "before the game" : `at iteration ${steps[step].time}`);

  const spoken = (step) => {
    const each = rows.map((_, i) => {
      const [generator, judge] = [steps[step].shares[i], steps[step].shares[rows.length + i]];
      return `${names[i]}: generator ${generator.text}, judge ${judge.text}`;
    });
    return `Both views ${when(step)}. ${each.join(". ")}.`;
  };

  const draw = () => {
    for (const chart of charts) {
      chart.cursor.setAttribute("x1", chart.lines[0][now][0]);
      chart.cursor.setAttribute("x2", chart.lines[0][now][0]);
      chart.dots.forEach((dot, i) => {
        dot.setAttribute("cx", chart.lines[i][now][0]);
        dot.setAttribute("cy", chart.lines[i][now][1]);
      });
    }
    rows.forEach((row, i) => {
      [steps[now].shares[i], steps[now].shares[rows.length + i]].forEach((share, view) => {
        const cell = row.cells[view + 1], shown = cell.querySelector("data");
        shown.value = share.value;
        shown.textContent = share.text;
        cell.querySelector(".fill").setAttribute("width", (100 * share.value).toFixed(2));
      });
    });
    [...$("steps").tBodies[0].rows].forEach((row, i) => row.classList.toggle("current", i === now));
    $("when").textContent = when(now);
    $("time").textContent = steps[now].time;
    slider.value = now;
    slider.setAttribute("aria-valuetext", when(now));
    $("previous").setAttribute("aria-disabled", now === 0);
    $("next").setAttribute("aria-disabled", now === last);
    if (playing.timer === null) $("heard").textContent = spoken(now);
  };

  const go = (step) => {
    now = Math.min(Math.max(step, 0), last);
    draw();
  };

  const stop = () => {
    clearInterval(playing.timer);
    playing.timer = null;
    $("play").textContent = "Play";
  };

  const play = () => {
    if (now === last) go(0);
    $("play").textContent = "Pause";
    playing.timer = setInterval(() => {
      if (now + 1 >= last) stop();
      go(now + 1);
    }, 320);
  };

  const move = (step) => {
    if (playing.timer !== null) stop();
    go(step);
  };

  $("previous").addEventListener("click", () => move(now - 1));
  $("next").addEventListener("click", () => move(now + 1));
  $("play").addEventListener("click", () => (playing.timer === null ? play() : move(now)));
  slider.addEventListener("input", () => move(Number(slider.value)));
  $("stepper").addEventListener("keydown", (event) => {
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move(to);
  });
  $("stepper").hidden = false;
  draw();
  $("heard").textContent = "";
  return { play, stop };
};
