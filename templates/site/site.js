// What the pages do beyond standing still: theme, search, sort, compare, charts. Data come in by `replicard.cards` and
// `replicard.card`, called by scripts, since a page opened from a folder may not fetch. All text is set as text.
"use strict";

const replicard = (() => {
  const page = { columns: [], rows: [], waiting: new Map() };
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const SHOWN = 50;

  // A store may be forbidden, as in a frame of another site.
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* not remembered */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  // ---- theme: at once, before anything is drawn
  const chosen = recall("replicard-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  function theme() {
    const button = find("[data-theme-toggle]");
    const told = () => button.setAttribute("aria-pressed", String(isDark()));
    button.hidden = false;
    told();
    button.addEventListener("click", () => {
      document.documentElement.dataset.theme = isDark() ? "light" : "dark";
      remember("replicard-theme", document.documentElement.dataset.theme);
      told();
      document.dispatchEvent(new Event("theme"));
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { told(); document.dispatchEvent(new Event("theme")); });
  }

  // ---- the list
  const SELECTS = ["adapter", "dataset", "hardware"];
  const DOWN = new Set(["size", "hours", "kwh", "value", "reproduced", "rehearsed"]);  // the most first

  function index() {
    const state = { q: "", sort: "", reversed: false, claims: "", run: "", rehearsed: "", adapter: "", dataset: "", hardware: "", shown: SHOWN };
    const body = find("[data-rows]"), more = find("[data-more]"), box = find("#q");
    const model = find("template[data-row]").content.querySelector("tr");
    const chips = all("[data-only]"), picked = new Set();
    const tones = { claims: new Map(), run: new Map() };
    for (const chip of chips) tones[chip.dataset.only]?.set(chip.dataset.verdict, [chip.dataset.tone, chip.querySelector("span").textContent]);
    const ranks = Object.fromEntries(["claims", "run"].map((name) => [name, new Map([...tones[name].keys()].map((verdict, rank) => [verdict, rank]))]));

    const cards = page.rows.map((values, rank) => {
      const card = { rank };
      page.columns.forEach((name, at) => { card[name] = values[at]; });
      card.text = [card.id, card.base, card.adapter, card.bits, card.dataset, card.hardware, card.claims, card.run, card.metric, card.words].join(" ").toLowerCase();
      return card;
    });

    function key(card, name) {
      if (name in ranks) return ranks[name].get(card[name]);
      if (name === "reproduced") return card.drawing ? card.drawing[2] : null;  // in margins from what is reported
      if (name === "rehearsed") return Number(card.rehearsed);
      const value = card[name];
      return value === "" ? null : typeof value === "string" ? value.toLowerCase() : value;
    }

    function fitting() {
      const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
      const found = cards.filter((card) =>
        words.every((word) => card.text.includes(word)) &&
        [...SELECTS, "claims", "run"].every((name) => !state[name] || card[name] === state[name]) &&
        (!state.rehearsed || card.rehearsed));
      const sign = (DOWN.has(state.sort) ? -1 : 1) * (state.reversed ? -1 : 1);
      if (state.sort) {
        const keys = new Map(found.map((card) => [card, key(card, state.sort)]));
        found.sort((one, other) => {
          const a = keys.get(one), b = keys.get(other);
          if (a === b) return one.rank - other.rank;
          if (a === null || a === undefined) return 1;  // without a value: last, either way round
          if (b === null || b === undefined) return -1;
          return (a < b ? -1 : 1) * sign;
        });
      } else if (state.reversed) found.reverse();
      return found;
    }

    function fill(card) {
      const row = model.cloneNode(true);
      const put = (name, text) => { find(`[data-f="${name}"]`, row).textContent = text; };
      for (const name of ["id", "metric", "base_under", "bits", "dataset_under", "energy_text"]) put(name, card[name]);
      for (const name of ["reported", "reproduced", "base_name", "adapter", "dataset_name", "hardware", "hours_text"]) {
        put(name, card[name] || "–");
        find(`[data-f="${name}"]`, row).parentElement.classList.toggle("empty", !card[name]);
      }
      put("rehearsed", card.rehearsed ? "yes" : "–");
      find('[data-f="rehearsed"]', row).parentElement.classList.toggle("empty", !card.rehearsed);
      find("a", row).href = `cards/${card.id}.html`;
      const box = find("[data-pick]", row);
      box.dataset.pick = card.id;
      box.setAttribute("aria-label", `Compare ${card.id}`);
      box.checked = picked.has(card.id);
      for (const name of ["claims", "run"]) {
        const badge = find(`[data-v="${name}"]`, row), [tone, sign] = tones[name].get(card[name]);
        badge.className = `badge ${tone}`;
        badge.firstElementChild.textContent = sign;
        badge.lastElementChild.textContent = card[name];
      }
      draw(find(".draw", row), card.drawing);
      return row;
    }

    function draw(svg, drawing) {
      if (!drawing) { svg.remove(); return; }
      const [low, high, dot, left, right, said] = drawing;
      svg.setAttribute("aria-label", said);
      const reported = find(".reported", svg), interval = find(".interval", svg);
      reported.setAttribute("x", low - 0.06);
      reported.setAttribute("width", high - low + 0.12);
      if (left === null) interval.remove(); else { interval.setAttribute("x1", left); interval.setAttribute("x2", right); }
      find(".dot", svg).setAttribute("cx", dot);
    }

    function show() {
      const found = fitting(), rest = found.length - state.shown;
      body.replaceChildren(...found.slice(0, state.shown).map(fill));
      find("[data-status]").textContent = found.length === cards.length ? `${cards.length.toLocaleString("en")} cards` : `${found.length.toLocaleString("en")} of ${cards.length.toLocaleString("en")} cards`;
      find("[data-none]").hidden = found.length > 0;
      more.hidden = rest <= 0;
      find("button", more).textContent = `Show ${Math.min(SHOWN, rest).toLocaleString("en")} more of ${rest.toLocaleString("en")}`;
      for (const head of all("[data-columns]")) {
        if (!state.sort || !head.dataset.columns.split(" ").includes(state.sort)) head.removeAttribute("aria-sort");
        else head.setAttribute("aria-sort", DOWN.has(state.sort) !== state.reversed ? "descending" : "ascending");
      }
      for (const button of all("[data-sort]")) button.classList.toggle("sorted", button.dataset.sort === state.sort);
      for (const chip of chips) chip.setAttribute("aria-pressed", String(state[chip.dataset.only] === chip.dataset.verdict));
      for (const name of SELECTS) { const select = find(`#by-${name}`); if (select) select.value = state[name]; }
      find("#sort").value = state.sort;
      find("[data-direction]").setAttribute("aria-pressed", String(state.reversed));
      if (box.value !== state.q) box.value = state.q;
    }

    // What is looked for stands in the address, so that it can be sent to somebody.
    function change(values) {
      Object.assign(state, { shown: SHOWN }, values);
      const said = new URLSearchParams();
      for (const name of ["q", "claims", "run", "rehearsed", ...SELECTS, "sort"]) if (state[name]) said.set(name, state[name]);
      if (state.reversed) said.set("reversed", "1");
      history.replaceState(null, "", `#${said}`);
      show();
    }
    function fromAddress() {
      const said = new URLSearchParams(location.hash.slice(1));
      for (const name of ["q", "claims", "run", "rehearsed", ...SELECTS, "sort"]) state[name] = said.get(name) ?? "";
      state.reversed = said.get("reversed") === "1";
      if (![...find("#sort").options].some((option) => option.value === state.sort)) state.sort = "";
    }

    const nothing = { q: "", claims: "", run: "", rehearsed: "", adapter: "", dataset: "", hardware: "" };
    find("[data-find]").addEventListener("submit", (event) => event.preventDefault());
    box.addEventListener("input", () => change({ q: box.value }));
    for (const name of SELECTS) find(`#by-${name}`)?.addEventListener("change", (event) => change({ [name]: event.target.value }));
    find("#sort").addEventListener("change", (event) => change({ sort: event.target.value, reversed: false }));
    find("[data-direction]").addEventListener("click", () => change({ reversed: !state.reversed }));
    for (const button of all("[data-clear]")) button.addEventListener("click", () => { change(nothing); box.focus(); });
    for (const chip of chips) chip.addEventListener("click", () => {
      const name = chip.dataset.only;
      change({ [name]: state[name] === chip.dataset.verdict ? "" : chip.dataset.verdict });
    });
    for (const button of all("[data-sort]")) button.addEventListener("click", () => {
      const name = button.dataset.sort;
      change(state.sort === name ? { reversed: !state.reversed } : { sort: name, reversed: false });
    });
    find("button", more).addEventListener("click", () => {
      const before = state.shown;
      state.shown += SHOWN;
      show();
      find("a", body.children[before])?.focus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { event.preventDefault(); box.focus(); }
      if (event.key === "Escape" && event.target === box) change({ q: "" });
    });

    const tray = find("[data-tray]");
    function pick() {
      tray.hidden = picked.size === 0;
      find("[data-tray-count]").textContent = `${picked.size} chosen`;
      find("[data-tray-link]").href = `compare.html#${[...picked].join(",")}`;
    }
    body.addEventListener("change", (event) => {
      const name = event.target.dataset.pick;
      if (name === undefined) return;
      if (event.target.checked) picked.add(name); else picked.delete(name);
      pick();
    });
    find("[data-tray-clear]").addEventListener("click", () => { picked.clear(); all("[data-pick]", body).forEach((box) => { box.checked = false; }); pick(); });
    for (const box of all("[data-pick]:checked", body)) picked.add(box.dataset.pick);  // what the browser kept
    pick();

    window.addEventListener("hashchange", () => { fromAddress(); show(); });
    fromAddress();
    show();
  }

  // ---- compare
  function element(tag, text, more = {}) {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = text;
    for (const [name, value] of Object.entries(more)) made.setAttribute(name, value);
    return made;
  }

  function load(name) {
    return new Promise((done) => {
      page.waiting.set(name, done);
      const script = element("script", null, { src: `data/${encodeURIComponent(name)}.js` });
      script.addEventListener("error", () => done(null));
      document.head.append(script);
    });
  }

  function compare() {
    const names = new Set(page.rows.map((values) => values[page.columns.indexOf("id")]));
    const known = new Map(), status = find("[data-status]"), place = find("[data-compared]"), same = find("#all"), box = find("#add");
    let items = [], turn = 0;
    find("#cards").append(...[...names].sort().map((name) => element("option", null, { value: name })));

    const read = () => { items = location.hash.slice(1).split(",").filter(Boolean).map((item) => { const [card, run = ""] = item.split("/"); return { card, run }; }); };
    const write = () => { history.replaceState(null, "", `#${items.map(({ card, run }) => (run ? `${card}/${run}` : card)).join(",")}`); show(); };

    async function show() {
      const mine = ++turn;
      for (const { card } of items) if (names.has(card) && !known.get(card)) known.set(card, await load(card));
      if (mine !== turn) return;  // something else is asked for by now
      const strange = items.filter(({ card }) => !known.get(card)).map(({ card }) => card);
      const columns = items.filter(({ card }) => known.get(card));
      const told = columns.map(({ card, run }) => side(card, known.get(card), run));
      place.hidden = told.length === 0;
      place.replaceChildren(told.length ? table(columns, told) : "");
      const rows = all("tr.differs", place).length;
      status.textContent = (strange.length ? `No card here is named ${strange.join(", ")}. ` : "") +
        (told.length < 2 ? "Add two cards, or choose them on the front page." : `${rows} value${rows === 1 ? "" : "s"} differ${rows === 1 ? "s" : ""}.`);
    }

    function side(name, card, wanted) {
      const run = card.runs.find((one) => one.id === wanted) ?? (wanted ? undefined : card.runs[0]);
      const values = { ...card.values, ...(wanted && run ? run.changed : {}) };
      return { card, run, values };
    }

    function table(columns, told) {
      const made = element("table", null, { class: same.checked ? "plain compared whole" : "plain compared" }), head = element("tr");
      head.append(element("td"));
      columns.forEach(({ card, run }, at) => {
        const cell = element("th", null, { scope: "col" });
        const link = element("a", card, { href: `cards/${card}.html` });
        const away = element("button", "×", { type: "button", "aria-label": `Take ${card} out` });
        away.addEventListener("click", () => { items.splice(items.indexOf(columns[at]), 1); write(); });
        cell.append(link, away);
        if (told[at].card.runs.length) {
          const select = element("select", null, { "aria-label": `Run of ${card}` });
          select.append(element("option", "as declared", { value: "" }));
          for (const one of told[at].card.runs) select.append(element("option", `run ${one.id}, ${one.started}`, { value: one.id }));
          select.value = run;
          select.addEventListener("change", () => { columns[at].run = select.value; write(); });
          cell.append(element("br"), select);
        }
        head.append(cell);
      });
      made.append(element("thead"));
      made.tHead.append(head);
      const body = element("tbody");
      made.append(body);
      const group = (title) => { const row = element("tr", null, { class: "group" }); row.append(element("th", title, { scope: "rowgroup", colspan: columns.length + 1 })); body.append(row); return row; };
      const line = (title, values, always, number) => {
        const differs = new Set(values).size > 1;
        if (!differs && !same.checked && !always) return false;
        const row = element("tr", null, differs && !always ? { class: "differs" } : {});
        row.append(element("th", title, { scope: "row" }), ...values.map((value) => element("td", value ?? "–", number ? { class: "num" } : {})));
        body.append(row);
        return true;
      };
      group("Verdicts");
      line("claims", told.map(({ card }) => card.claims), true);
      line("run", told.map(({ card, run }) => run?.verdict ?? card.run), true);
      const metrics = [...new Set(told.flatMap(({ run }) => Object.keys(run?.metrics ?? {})))];
      if (metrics.length) {
        group("Reproduced: mean over seeds, 95% interval");
        for (const name of metrics) line(name, told.map(({ run }) => { const one = run?.metrics[name]; return one && (one[1] ? `${one[0]}  (${one[1]})` : one[0]); }), true, true);
        line("seeds", told.map(({ run }) => run && String(run.seeds)), true, true);
        for (const name of ["machine", "time", "energy"]) line(name, told.map(({ run }) => run?.[name] || null), true, true);
      }
      const reported = told.map(({ card }) => new Map(card.reported));
      const claims = [...new Set(reported.flatMap((one) => [...one.keys()]))];
      if (claims.length) { group("Reported"); for (const name of claims) line(name, reported.map((one) => one.get(name)), true, true); }
      const sections = new Map();
      for (const path of new Set(told.flatMap(({ values }) => Object.keys(values)))) {
        if (/^(reported|epoch_table)/.test(path)) continue;
        const section = path.split(/[.[]/)[0];
        sections.set(section, [...(sections.get(section) ?? []), path]);
      }
      for (const [section, paths] of sections) {
        const title = group(section);
        if (!paths.map((path) => line(path, told.map(({ values }) => values[path]), false, true)).some(Boolean)) title.remove();
      }
      return made;
    }

    find("[data-add]").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = box.value.trim();
      if (name) { items.push({ card: name, run: "" }); box.value = ""; write(); if (!names.has(name)) items.pop(); }
    });
    same.addEventListener("change", show);
    window.addEventListener("hashchange", () => { read(); show(); });
    read();
    show();
  }

  // ---- a card
  function card() {
    for (const button of all("[data-copy]")) {
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
    }
    window.addEventListener("hashchange", () => { document.getElementById(location.hash.slice(1))?.focus({ preventScroll: true }); });
    charts();
  }

  function charts() {
    const place = find("[data-charts]");
    if (!place) return;
    const wanted = JSON.parse(find("#charts").textContent);
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      // Plotly leaves out style elements of its own where it finds these; site.css has the rules.
      for (const id of place.dataset.plotlyStyles.split(" ")) if (!document.getElementById(id)) document.head.append(element("meta", null, { id, class: "no-inline-styles" }));
      const script = element("script", null, { src: `${document.body.dataset.root}assets/plotly.min.js` });
      script.addEventListener("load", () => { drawAll(); document.addEventListener("theme", drawAll); });
      document.head.append(script);
    }, { rootMargin: "600px" });
    seen.observe(place);

    function drawAll() { for (const chart of wanted) drawOne(chart); }

    function drawOne(chart) {
      const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name).trim();
      let figure = find(`[data-plot="${CSS.escape(chart.plot)}"]`, place);
      if (!figure) {
        figure = element("figure", null, { "data-plot": chart.plot });
        figure.append(element("figcaption", chart.title));
        place.append(figure);
      }
      let at = find(".chart", figure);
      if (!at) {
        at = element("div", null, { class: "chart", role: "img", "aria-label": `${chart.title}: ${chart.y} by ${chart.x}` });
        find("img", figure)?.remove();
        figure.append(at);
      }
      const traces = chart.traces.map((trace) => ({
        type: "scatter", name: trace.name, x: trace.x, y: trace.y, mode: trace.x.length > 30 ? "lines" : "lines+markers",
        line: { color: color(`--c${trace.color % 8}`), width: 2, dash: trace.dashed ? "dash" : "solid" }, marker: { size: 6 },
        hovertemplate: `${chart.x} %{x:.4g}<br>${chart.y} %{y:.4f}`,
        ...(trace.above ? { error_y: { type: "data", symmetric: false, array: trace.above, arrayminus: trace.below, thickness: 1, width: 0, color: color("--muted") } } : {}),
      }));
      if (chart.square) traces.unshift({ type: "scatter", x: [0, 1], y: [0, 1], mode: "lines", line: { color: color("--muted"), width: 1, dash: "dot" }, hoverinfo: "skip", showlegend: false });
      const axis = (title) => ({ title: { text: title, standoff: 8 }, gridcolor: color("--line"), zerolinecolor: color("--line"), linecolor: color("--line"), automargin: true });
      Plotly.react(at, traces, {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: color("--text"), family: style.fontFamily, size: 12 },
        margin: { l: 48, r: 8, t: 30, b: 40 }, xaxis: axis(chart.x), yaxis: axis(chart.y), legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom" }, hovermode: "closest",
        hoverlabel: { bgcolor: color("--panel"), bordercolor: color("--line"), font: { color: color("--text") } }, showlegend: true,
      }, { displayModeBar: false, responsive: true });
    }
  }

  const START = { index, compare, card };
  document.addEventListener("DOMContentLoaded", () => { theme(); START[document.body.dataset.page]?.(); });
  return {
    cards(columns, rows) { page.columns = columns; page.rows = rows; },
    card(name, told) { page.waiting.get(name)?.(told); },
  };
})();
