// The console's own script: live parts, sending once, drafts, sound. htmx does the rest.
"use strict";
(() => {
  const body = document.body;
  const csrf = body.dataset.csrf || "";
  const caseId = body.dataset.case || "";
  const $ = (selector, root = document) => root.querySelector(selector);
  const headers = { "HX-Request": "true", "X-CSRF-Token": csrf };

  function notice(html) { const place = $("#notice"); if (place) place.innerHTML = html; }

  async function ask(url, fields) {
    const options = { headers, credentials: "same-origin", cache: "no-store" };
    if (fields) { options.method = "POST"; options.body = new URLSearchParams(fields); options.keepalive = true; }
    const answer = await fetch(url, options);
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) location.assign(elsewhere);
    return answer;
  }

  // on a phone the menu is wider than the screen: the place where one is must be in view
  $(".bar nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // ---- sound and notifications -------------------------------------------------------------
  let audio = null;
  document.addEventListener("pointerdown", () => { if (!audio && window.AudioContext) audio = new AudioContext(); }, { passive: true });
  function ring(urgent) {
    document.documentElement.dataset.rang = urgent ? "alarm" : "message";
    if (localStorage.getItem("mute") === "1") return;
    try {
      audio = audio || new AudioContext();
      const notes = urgent ? [880, 660, 880, 660] : [660];
      notes.forEach((pitch, i) => {
        const tone = audio.createOscillator(), gain = audio.createGain(), at = audio.currentTime + i * 0.22;
        tone.frequency.value = pitch; gain.gain.setValueAtTime(0.15, at); gain.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
        tone.connect(gain).connect(audio.destination); tone.start(at); tone.stop(at + 0.2);
      });
    } catch { /* no sound on this device */ }
  }
  function tell(words) {
    if ((!document.hidden && document.hasFocus()) || !("Notification" in window) || Notification.permission !== "granted") return;
    try { new Notification(words, { tag: words }); } catch { /* some phones allow it only from a worker */ }
  }
  function alarm(words) { ring(true); tell(words); }

  // ---- the transcript ----------------------------------------------------------------------
  const lines = $("#lines"), list = $("#lines ol");
  let fetching = false, again = false;
  const atEnd = () => lines.scrollHeight - lines.scrollTop - lines.clientHeight < 80;
  const toEnd = () => { lines.scrollTop = lines.scrollHeight; };
  function reconcile(html) {
    const stay = atEnd();
    const fresh = new DOMParser().parseFromString(`<ol>${html}</ol>`, "text/html").querySelectorAll("li");
    let heard = false;
    fresh.forEach((line) => {
      const old = document.getElementById(line.id);
      if (!old) { heard = heard || line.classList.contains("in"); list.append(document.adoptNode(line)); }
      else if (old.innerHTML !== line.innerHTML) old.innerHTML = line.innerHTML;
    });
    const last = document.getElementById("line-cleared");
    if (last) list.append(last);
    if (stay) toEnd();
    if (heard) { ring(false); tell(body.dataset.new); }
  }
  async function refresh() {
    if (!lines) return;
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      do {
        again = false;
        const answer = await ask(lines.dataset.url);
        if (answer.ok && answer.status === 200) reconcile(await answer.text());
        else if (answer.status === 403 || answer.status === 404) notice(await answer.text());
      } while (again);
    } catch { /* the stream opens again and asks once more */ } finally { fetching = false; }
  }
  if (lines) {
    let end = true;
    toEnd();
    lines.addEventListener("scroll", () => { end = atEnd(); }, { passive: true });
    new ResizeObserver(() => { if (end) toEnd(); }).observe(lines);
  }

  // ---- live --------------------------------------------------------------------------------
  function listen() {
    const source = new EventSource(`/console/stream?case=${encodeURIComponent(caseId)}`);
    const offline = $("#offline");
    source.addEventListener("hello", () => {
      if (offline) offline.hidden = true;
      document.documentElement.dataset.live = "1";
      htmx.trigger(body, "desk"); htmx.trigger(body, "case"); refresh();
    });
    source.addEventListener("desk", () => htmx.trigger(body, "desk"));
    source.addEventListener("case", () => htmx.trigger(body, "case"));
    source.addEventListener("lines", refresh);
    source.addEventListener("alarm", () => alarm(body.dataset.alarm));
    source.addEventListener("offer", () => { alarm(body.dataset.offer); htmx.trigger(body, "desk"); });
    source.addEventListener("bye", () => { source.close(); location.assign("/console/login"); });
    source.onerror = () => {
      if (offline) offline.hidden = false;
      if (source.readyState === EventSource.CLOSED) { source.close(); setTimeout(listen, 2000); }
    };
  }
  body.addEventListener("lines", refresh);
  function beat() { ask("/console/desk/beat", { case: caseId }).catch(() => {}); }
  if ("live" in body.dataset) { listen(); beat(); setInterval(beat, 20000); }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && "live" in body.dataset) { beat(); refresh(); } });

  // ---- writing -----------------------------------------------------------------------------
  const composer = $("#composer");
  if (composer) {
    const text = $("#text", composer), saved = $("#saved");
    let draft = text.value, timer = 0, sending = false, id = crypto.randomUUID ? crypto.randomUUID() : fallbackId();
    const save = async () => {
      if (text.value === draft) return;
      const now = text.value;
      try {
        const answer = await ask(composer.dataset.draft, { text: now });
        if (answer.ok) { draft = now; saved.textContent = saved.dataset.saved; }
      } catch { setTimeout(save, 2000); }
    };
    text.addEventListener("input", () => { saved.textContent = ""; clearTimeout(timer); timer = setTimeout(save, 400); });
    window.addEventListener("pagehide", save);
    composer.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (sending || !text.value.trim()) return;
      sending = true; clearTimeout(timer);
      const confirmed = document.querySelector('input[name="confirmed"][form="composer"]');
      const fields = { text: text.value, client_id: id };
      if (confirmed && confirmed.checked) fields.confirmed = "yes";
      try {
        const answer = await ask(composer.action, fields);
        if (answer.ok) {
          text.value = ""; draft = ""; saved.textContent = saved.dataset.sent; notice("");
          id = crypto.randomUUID ? crypto.randomUUID() : fallbackId();
          refresh();
        } else { notice(await answer.text()); saved.textContent = saved.dataset.failed; }
      } catch { saved.textContent = saved.dataset.failed; } finally { sending = false; text.focus(); }
    });
    const parcel = $("#parcel"), picker = $("#file");
    let parcelId = "";
    const drop = () => { picker.value = ""; parcel.hidden = true; };
    if (picker) picker.addEventListener("change", () => {
      const file = picker.files[0];
      if (!file) return;
      if (file.size > 5e6) { saved.textContent = parcel.dataset.large; drop(); return; }
      parcelId = crypto.randomUUID ? crypto.randomUUID() : fallbackId();
      $("#parcel-name").textContent = `${file.name} (${Math.ceil(file.size / 1000)} kB)`;
      parcel.hidden = false; $("button", parcel).focus();
    });
    if (parcel) parcel.addEventListener("click", async (event) => {
      const what = event.target.closest("[data-parcel]");
      if (!what || sending) return;
      if (what.dataset.parcel === "drop") { drop(); return; }
      const confirmed = document.querySelector('input[name="confirmed"][form="composer"]');
      const query = new URLSearchParams({ client_id: parcelId, confirmed: confirmed && confirmed.checked ? "yes" : "" });
      sending = true;
      try {
        const answer = await fetch(`${parcel.dataset.url}?${query}`, {
          method: "POST", body: picker.files[0], credentials: "same-origin", headers: { ...headers, "Content-Type": "application/octet-stream" },
        });
        if (answer.ok) { saved.textContent = saved.dataset.sent; notice(""); drop(); refresh(); }
        else { notice(await answer.text()); saved.textContent = saved.dataset.failed; }
      } catch { saved.textContent = saved.dataset.failed; } finally { sending = false; }
    });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); composer.requestSubmit(); }
    });
    document.addEventListener("click", (event) => {
      const from = event.target.closest("[data-insert]");
      if (!from) return;
      const words = document.getElementById(from.dataset.insert).textContent.trim();
      text.value = text.value.trim() ? `${text.value.trim()}\n\n${words}` : words;
      body.classList.remove("show-side");
      text.dispatchEvent(new Event("input")); text.focus();
    });
  }
  function fallbackId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
  }

  // ---- small things ------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) notice("");
    if (event.target.closest("[data-side]")) body.classList.toggle("show-side");
    if (event.target.closest("[data-ring]")) ring(true);
    if (event.target.closest("[data-notify]") && "Notification" in window) Notification.requestPermission().then(allowed);
    const gap = event.target.closest("[data-gap]");
    if (gap) reportGap(gap);
    const all = event.target.closest("[data-all]");
    if (all) document.getElementsByName(all.dataset.all).forEach((box) => { box.checked = all.checked; });
  });
  function allowed() {
    const place = $("#notify-state");
    if (place && "Notification" in window) place.textContent = place.dataset[Notification.permission] || "";
  }
  allowed();
  async function reportGap(button) {
    button.disabled = true;
    try { notice(await (await ask(`/console/cases/${caseId}/gap`, { line: button.dataset.gap })).text()); }
    catch { button.disabled = false; }
  }
  const mute = $("[data-mute]");
  if (mute) {
    mute.checked = localStorage.getItem("mute") === "1";
    mute.addEventListener("change", () => localStorage.setItem("mute", mute.checked ? "1" : "0"));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const target = [...document.querySelectorAll("[data-key]")].find((element) => element.dataset.key === event.key);
    if (!target) return;
    event.preventDefault();
    if (target.matches("input")) target.focus(); else target.click();
  });
  body.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (event.detail.successful && form.matches && form.matches("form[data-clear]")) form.reset();
    if (event.detail.successful && event.detail.requestConfig.verb === "post") notice("");
  });
  body.addEventListener("htmx:sendError", () => { const offline = $("#offline"); if (offline) offline.hidden = false; });
  function clocks() {
    document.querySelectorAll("[data-until]").forEach((place) => {
      const left = Math.max(0, Math.round((new Date(place.dataset.until) - Date.now()) / 1000));
      place.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    });
  }
  clocks(); setInterval(clocks, 1000); body.addEventListener("htmx:afterSwap", clocks);
})();
