"use strict";
(() => {
  const show = (stage, svg, index, x) => {
    const tips = stage.querySelectorAll(".tips > .tip");
    const bubble = stage.querySelector(".bubble");
    const tip = tips[index];
    if (!tip || !bubble) return;
    if (bubble.dataset.index !== String(index)) {
      bubble.replaceChildren(...Array.from(tip.cloneNode(true).childNodes));
      bubble.dataset.index = index;
    }
    bubble.hidden = false;
    svg.querySelectorAll(".column").forEach((column) =>
      column.classList.toggle("on", column.dataset.i === String(index)));
    const room = stage.clientWidth - bubble.offsetWidth;
    const left = x + 18 > room ? x - bubble.offsetWidth - 18 : x + 18;
    bubble.style.left = Math.max(0, Math.min(left, room)) + "px";
  };
  const hide = (stage, svg) => {
    const bubble = stage.querySelector(".bubble");
    if (bubble) bubble.hidden = true;
    svg.querySelectorAll(".column.on").forEach((column) => column.classList.remove("on"));
  };
  const centre = (stage, svg, index) => {
    const hit = svg.querySelector(`.column[data-i="${index}"] .guide`);
    const box = hit.getBoundingClientRect();
    return box.left + box.width / 2 - stage.getBoundingClientRect().left;
  };

  document.querySelectorAll("svg.hoverable").forEach((svg) => {
    const stage = svg.closest(".stage");
    const count = stage.querySelectorAll(".tips > .tip").length;
    let at = -1;
    svg.addEventListener("pointermove", (event) => {
      const column = event.target.closest(".column");
      if (!column) return hide(stage, svg);
      at = Number(column.dataset.i);
      show(stage, svg, at, event.clientX - stage.getBoundingClientRect().left);
    });
    svg.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") hide(stage, svg);
    });
    svg.addEventListener("blur", () => hide(stage, svg));
    svg.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: count - 1 };
      if (event.key === "Escape") return hide(stage, svg);
      if (!(event.key in moves)) return;
      event.preventDefault();
      at = Math.max(0, Math.min(moves[event.key], count - 1));
      show(stage, svg, at, centre(stage, svg, at));
    });
  });

  document.querySelectorAll(".figure").forEach((figure) => {
    figure.querySelectorAll(".end[data-s]").forEach((label) => {
      const same = figure.querySelectorAll(`[data-s="${label.dataset.s}"]`);
      const set = (on) => {
        figure.classList.toggle("dim", on);
        same.forEach((mark) => mark.classList.toggle("hot", on));
      };
      label.addEventListener("pointerenter", () => set(true));
      label.addEventListener("pointerleave", () => set(false));
    });
  });

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll("details[data-print]:not([open])"));
    opened.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));
})();
