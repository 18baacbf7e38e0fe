(function () {
  "use strict";
  var svg = document.getElementById("map"), said = document.getElementById("said");
  var nodes = [].slice.call(svg.querySelectorAll(".node")), edges = [].slice.call(svg.querySelectorAll("path.edge"));
  var planned = [].slice.call(svg.querySelectorAll(".overlay [data-from]"));
  var held = null;
  function look(node) {
    var id = node && node.getAttribute("data-id"), near = {}, out = 0, into = 0, gone = 0;
    edges.forEach(function (e) {
      var f = e.getAttribute("data-from"), t = e.getAttribute("data-to"), on = !!id && (f === id || t === id);
      e.classList.toggle("on", on);
      if (on) { near[f] = near[t] = true; if (f === id) { out++; } else { into++; } }
    });
    planned.forEach(function (e) {
      var on = !!id && (e.getAttribute("data-from") === id || e.getAttribute("data-to") === id);
      e.classList.toggle("on", on);
      if (on && e.classList.contains("cutting")) { gone++; }
    });
    if (id) { near[id] = true; }
    nodes.forEach(function (n) {
      n.classList.toggle("near", !!near[n.getAttribute("data-id")]);
      n.classList.toggle("on", n === node);
    });
    svg.classList.toggle("looking", !!id);
    said.textContent = id ? (node.getAttribute("data-name") || "outside") + ": to " + out + " ends, from " + into + " (unknown ones dashed)" + (planned.length ? ", of these " + gone + " cut by the plan" : "") : "";
  }
  function hold(node) {
    held = node;
    look(node);
    var name = node && node.getAttribute("data-name");
    history.replaceState(null, "", name ? "#" + encodeURIComponent(name) : location.pathname + location.search);
  }
  nodes.forEach(function (n) {
    n.addEventListener("mouseenter", function () { if (!held) { look(n); } });
    n.addEventListener("mouseleave", function () { if (!held) { look(null); } });
    n.addEventListener("focus", function () { if (!held) { look(n); } });
    n.addEventListener("click", function () { hold(held === n ? null : n); });
    n.addEventListener("keydown", function (e) {
      if (e.key === "Enter" || e.key === " ") { e.preventDefault(); hold(held === n ? null : n); }
    });
  });
  document.addEventListener("keydown", function (e) { if (e.key === "Escape") { hold(null); } });
  var asked = decodeURIComponent(location.hash.slice(1));
  nodes.forEach(function (n) { if (asked && n.getAttribute("data-name") === asked) { hold(n); } });
  [].forEach.call(document.querySelectorAll(".filter"), function (label) {
    label.hidden = false;
    var input = label.querySelector("input"), rows = document.getElementById(input.getAttribute("data-table")).tBodies[0].rows;
    input.addEventListener("input", function () {
      var want = input.value.toLowerCase();
      [].forEach.call(rows, function (r) { r.hidden = want !== "" && r.textContent.toLowerCase().indexOf(want) < 0; });
    });
  });
})();
