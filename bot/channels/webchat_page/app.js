// The chat page. Plain script, no framework: it must work on an old phone and a slow line.
// The talk lives on the server; the page keeps only a pass, in this tab, so that a reload keeps the talk
// and closing the tab forgets it.
"use strict";
(function () {
  var log = document.getElementById("log"), form = document.getElementById("form"), box = document.getElementById("text");
  var offline = document.getElementById("offline"), dot = document.getElementById("dot");
  var words = {}, last = 0, dots = null, closed = false, pause = 500, store;
  try { store = window.sessionStorage; store.getItem("x"); } catch (e) { store = null; }
  var memory = {};
  function keep(key, value) { memory[key] = value; if (store) try { store.setItem(key, value); } catch (e) { /* private mode */ } }
  function kept(key) { var v = null; if (store) try { v = store.getItem(key); } catch (e) { /* private mode */ } return v || memory[key] || ""; }
  function forget() { memory = {}; if (store) try { store.clear(); } catch (e) { /* private mode */ } }
  function newId() {
    var a = new Uint8Array(12), s = "";
    window.crypto.getRandomValues(a);
    for (var i = 0; i < a.length; i++) s += ("0" + a[i].toString(16)).slice(-2);
    return s;
  }
  function language() { return kept("language") || (navigator.language || "ru").slice(0, 2); }
  function headers() { return { "Content-Type": "application/json", "X-Chat-Pass": kept("pass") }; }
  function down() { log.scrollTop = log.scrollHeight; }
  // Shows the end, but never pushes the start of a long answer out of sight.
  function settle() {
    var mine = log.querySelectorAll(".mine"), newest = mine[mine.length - 1], top = newest ? newest.offsetTop - log.offsetTop - 8 : 0;
    log.scrollTop = Math.min(log.scrollHeight - log.clientHeight, top);
  }

  function setWords(all) {
    words = all;
    document.documentElement.lang = all.lang || "ru";
    document.getElementById("title").textContent = all.title;
    document.title = all.title;
    document.getElementById("exit-label").textContent = all.exit;
    document.getElementById("language").setAttribute("aria-label", all.language);
    document.getElementById("send").setAttribute("aria-label", all.send);
    document.getElementById("text-label").textContent = all.write;
    box.placeholder = all.write;
    offline.textContent = all.offline;
  }
  function loadWords() {
    return fetch("/chat/phrases/" + encodeURIComponent(language())).then(function (r) { return r.json(); }).then(setWords, function () {});
  }
  function online(yes) { offline.hidden = yes; dot.classList.toggle("on", yes); }

  function showDots() {
    if (dots) return;
    dots = document.createElement("div");
    dots.className = "bubble dots";
    dots.setAttribute("aria-hidden", "true");
    dots.innerHTML = "<i></i><i></i><i></i>";
    log.appendChild(dots); down();
    window.setTimeout(hideDots, 15000);
  }
  function hideDots() { if (dots) { dots.remove(); dots = null; } }
  function oldChoices() {
    Array.prototype.forEach.call(log.querySelectorAll(".choices"), function (c) { c.classList.add("old"); });
  }
  function bubble(line) {
    var el = document.createElement("div"), time = document.createElement("span");
    el.className = "bubble" + (line.mine ? " mine" : "") + (line.person ? " person" : "");
    if (line.mine) el.textContent = line.text; else el.innerHTML = line.html; // the server escapes and builds it
    time.className = "time";
    time.textContent = new Date(line.at).toTimeString().slice(0, 5);
    if (line.file) el.appendChild(file(line));
    el.appendChild(time);
    return el;
  }
  // A file is fetched only when asked for: lines are slow and dear. It needs the pass, so it is no plain link.
  function file(line) {
    var button = document.createElement("button"), label = words[line.file.kind] || "…";
    button.type = "button";
    button.className = "file";
    button.textContent = label + " (" + line.file.kb + " kB)";
    button.addEventListener("click", function () {
      button.disabled = true;
      fetch("/chat/files/" + line.id, { headers: headers(), cache: "no-store" }).then(function (r) {
        if (!r.ok) throw new Error("gone");
        return r.blob();
      }).then(function (blob) {
        var shown;
        if (line.file.kind === "photo") { shown = document.createElement("img"); shown.src = URL.createObjectURL(blob); shown.alt = label; }
        else { shown = document.createElement("a"); shown.href = URL.createObjectURL(blob); shown.download = line.file.name; shown.textContent = line.file.name; }
        button.replaceWith(shown);
        if (shown.click && line.file.kind !== "photo") shown.click();
      }).catch(function () { button.disabled = false; });
    });
    return button;
  }
  function choices(line) {
    var row = document.createElement("div");
    row.className = "choices" + (line.columns > 1 ? " two" : "");
    line.buttons.forEach(function (b) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = b.title;
      button.addEventListener("click", function () { press(b); });
      row.appendChild(button);
    });
    return row;
  }
  function show(line) {
    if (line.id <= last) return;
    last = line.id;
    if (line.mine) {
      var mine = log.querySelector(".mine.waiting");
      if (mine) mine.remove();
      oldChoices();
      if (line.text) log.appendChild(bubble(line));
    } else {
      hideDots();
      if (line.final) { return leave(); }
      oldChoices();
      log.appendChild(bubble(line));
      if (line.buttons && line.buttons.length) log.appendChild(choices(line));
    }
    settle();
  }

  function post(body, again) {
    body.id = body.id || newId();
    body.language = language();
    return fetch("/chat/messages", { method: "POST", headers: headers(), body: JSON.stringify(body), keepalive: true }).then(function (r) {
      if (r.status === 403 && !again) { forget(); return begin().then(function () { return post(body, true); }); }
      if (!r.ok && r.status !== 429 && r.status < 500) throw new Error("refused");
      if (!r.ok) throw new TypeError("later");
    }).catch(function (e) {
      if (e instanceof TypeError) { online(false); window.setTimeout(function () { post(body, again); }, 2000); return; }
      var mine = log.querySelector(".mine.waiting");
      if (mine) { mine.classList.remove("waiting"); mine.classList.add("failed"); }
      hideDots();
    });
  }
  function echo(text) {
    var el = document.createElement("div");
    el.className = "bubble mine waiting";
    el.textContent = text;
    oldChoices(); hideDots();
    log.appendChild(el); down(); showDots();
  }
  function press(b) {
    if (b.url) { window.location.href = b.url; return; }
    if (b.id === "exit") { exit(); return; }
    if (b.id.indexOf("lang:") === 0) { keep("language", b.id.slice(5)); loadWords(); }
    echo(b.title);
    var posted = post({ choice: b.id, text: b.title });
    if (b.id === "erase:yes") posted.then(leave, leave);
  }
  function leave() {
    closed = true;
    forget();
    log.textContent = "";
    var target = document.body.getAttribute("data-exit");
    try { window.top.location.replace(target); } catch (e) { window.location.replace(target); } // also out of an NGO's page
  }
  function exit() {
    if (kept("pass")) post({ command: "exit" });
    leave();
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var text = box.value.trim();
    if (!text) return;
    box.value = ""; grow();
    echo(text);
    if (text.charAt(0) === "/") { var parts = text.slice(1).split(/\s+/); post({ command: parts[0].toLowerCase() }); }
    else post({ text: text });
  });
  box.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit ? form.requestSubmit() : form.dispatchEvent(new Event("submit", { cancelable: true })); }
  });
  function grow() { box.style.height = "auto"; box.style.height = Math.min(box.scrollHeight, 132) + "px"; }
  box.addEventListener("input", grow);
  document.getElementById("exit").addEventListener("click", exit);
  document.getElementById("language").addEventListener("click", function () { echo(words.language || "…"); post({ command: "language" }); });
  var escapes = 0;
  document.addEventListener("keydown", function (event) {
    escapes = event.key === "Escape" ? escapes + 1 : 0;
    if (escapes === 3) exit(); // three times Esc leaves at once
  });
  window.addEventListener("pageshow", function (event) { if (event.persisted) window.location.reload(); });

  function begin() {
    if (kept("pass")) return Promise.resolve(false);
    return fetch("/chat/pass", { method: "POST" }).then(function (r) {
      if (!r.ok) throw new TypeError("later");
      return r.json();
    }).then(function (made) {
      keep("pass", made.token);
      var campaign = (new URLSearchParams(window.location.search)).get("c") || "";
      post({ command: "start", payload: campaign.slice(0, 64) });
      return true;
    });
  }
  function listen() {
    if (closed) return;
    
    fetch("/chat/stream?after=" + last, { headers: headers(), cache: "no-store" }).then(function (r) {
      if (r.status === 403) { forget(); last = 0; log.textContent = ""; return begin(); }
      if (!r.ok || !r.body) throw new TypeError("later");
      online(true); pause = 500;
      var reader = r.body.getReader(), decoder = new TextDecoder(), rest = "";
      function pump() {
        return reader.read().then(function (part) {
          if (part.done) return;
          rest += decoder.decode(part.value, { stream: true });
          var events = rest.split("\n\n");
          rest = events.pop();
          events.forEach(function (text) {
            text.split("\n").forEach(function (row) { if (row.indexOf("data: ") === 0) show(JSON.parse(row.slice(6))); });
          });
          return pump();
        });
      }
      return pump();
    }).catch(function () { online(false); }).then(function () {
      pause = Math.min(pause * 2, 10000);
      window.setTimeout(listen, pause);
    });
  }
  window.addEventListener("online", function () { pause = 500; });
  loadWords().then(begin).catch(function () { online(false); }).then(function start() {
    if (kept("pass")) { listen(); return; }
    window.setTimeout(function () { begin().catch(function () {}).then(start); }, 2000);
  });
})();
