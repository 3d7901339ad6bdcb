(() => {
  const $ = (id) => document.getElementById(id);
  const key = document.querySelector('meta[name="play-key"]').content;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let game = null, steps = null, solving = null, waiting = null;

  const post = (path, body, signal) =>
    fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Play-Key": key },
      body: JSON.stringify(body),
      signal,
    });

  const say = (text, failed = false) => {
    $("status").textContent = text;
    $("status").classList.toggle("failed", failed);
  };

  const show = (data) => {
    steps?.stop();
    $("played").innerHTML = data.html; // made by this server, every text escaped
    $("took").textContent = `Solved in ${data.milliseconds.toFixed(1)} ms.`;
    $("game").hidden = false;
    steps = stepper();
  };

  const weights = () => ({ generator: 10 ** Number($("generator").value), judge: 10 ** Number($("judge").value) });

  const told = () => {
    for (const [name, weight] of Object.entries(weights())) $(`${name}-shown`).textContent = weight.toPrecision(2);
  };

  const happened = {
    drawing: ({ draws }) => say(`Drawing ${draws} answers …`),
    candidates: ({ candidates, seconds }) => {
      candidates.forEach((one, i) => {
        const item = document.createElement("li"), text = document.createElement("bdi"), times = document.createElement("span");
        text.textContent = one.text;
        times.textContent = ` × ${one.draws}`;
        times.className = "times";
        item.style.animationDelay = `${i * 60}ms`;
        item.append(text, times);
        $("drawn").append(item);
      });
      say(`${candidates.length} different answers in ${seconds.toFixed(1)} s. Judging each one …`);
    },
    scored: (data) => {
      game = data.game;
      say(`Drawn and judged in ${data.seconds.toFixed(1)} s.`);
      for (const name of ["generator", "judge"]) $(name).value = -1;
      $("solver").value = "published";
      told();
      show(data);
      if (!calm.matches) steps.play();
    },
    error: ({ message }) => say(message, true),
  };

  const ended = new Set(["scored", "error"]);

  const listen = async (response) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "", last = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const [, name, data] = block.match(/^event: (.*)\ndata: (.*)$/);
        happened[(last = name)](JSON.parse(data));
      }
    }
    if (!ended.has(last)) say("The program broke off; its terminal says why.", true);
  };

  $("ask").addEventListener("submit", async (event) => {
    event.preventDefault();
    $("go").disabled = true;
    $("live").hidden = false;
    $("game").hidden = true;
    $("drawn").replaceChildren();
    say("Asking …");
    try {
      const response = await post("/ask", {
        question: $("question").value,
        context: $("context").value,
        draws: Number($("draws").value),
      });
      if (response.ok) await listen(response);
      else say((await response.json()).message, true);
    } catch {
      say("The program does not answer; is it still running?", true);
    }
    $("go").disabled = false;
  });

  const solve = async () => {
    if (game === null) return;
    solving?.abort();
    const mine = (solving = new AbortController());
    try {
      const response = await post("/solve", { game, ...weights(), solver: $("solver").value }, mine.signal);
      const data = await response.json();
      if (mine.signal.aborted) return;
      if (response.ok) show(data);
      else $("took").textContent = data.message;
    } catch {
      if (!mine.signal.aborted) $("took").textContent = "The program does not answer; is it still running?";
    }
  };

  $("weights").addEventListener("submit", (event) => event.preventDefault());
  $("weights").addEventListener("input", () => {
    told();
    clearTimeout(waiting);
    waiting = setTimeout(solve, 25);
  });
})();
