// Elements without markup in strings: text is always text.

const SVG = "http://www.w3.org/2000/svg";

// Make an element; attributes that are false, null or undefined are left out.
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "i");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  drawing.append(use);
  return drawing;
}

// The three dots of an answer that is being prepared.
export function dots(label) {
  const marks = [el("b"), el("b"), el("b")];
  return el("span", { class: "dots", role: "img", "aria-label": label }, ...marks);
}
