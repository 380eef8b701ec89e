// Put on an NGO's page: <script src="https://YOUR-HOST/chat/assets/embed.js" async></script>
"use strict";
(function () {
  var script = document.currentScript, origin = new URL(script.src).origin;
  var frame = null, button = document.createElement("button");
  button.type = "button";
  button.textContent = "💬";
  button.setAttribute("aria-label", script.getAttribute("data-label") || "Chat");
  button.style.cssText = "position:fixed;right:16px;bottom:16px;width:60px;height:60px;border:0;border-radius:30px;font-size:26px;background:#2f6f73;color:#fff;cursor:pointer;z-index:2147483646;box-shadow:0 2px 8px rgba(0,0,0,.3)";
  button.addEventListener("click", function () {
    if (frame) { frame.remove(); frame = null; button.textContent = "💬"; return; }
    if (window.innerWidth < 700) { window.open(origin + "/chat", "_blank", "noopener"); return; }
    frame = document.createElement("iframe");
    frame.src = origin + "/chat";
    frame.title = "Chat";
    frame.style.cssText = "position:fixed;right:16px;bottom:88px;width:380px;height:min(620px,80vh);border:0;border-radius:16px;z-index:2147483646;box-shadow:0 4px 24px rgba(0,0,0,.35)";
    document.body.appendChild(frame);
    button.textContent = "✕";
  });
  document.body.appendChild(button);
})();
