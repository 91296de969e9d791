// What helps under a refusal: taught questions that may have been meant, and the way to the editors.

export function el(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// Buttons of questions; `ask` asks one as if it were typed.
export function offers(questions, ask) {
  const made = el("div", "keys");
  for (const question of questions) {
    const button = el("button", "btn", question);
    button.type = "button";
    button.addEventListener("click", () => ask(question));
    made.append(button);
  }
  return made;
}

// A button that leads to the page by which the editors hear of a question.
export function telling(question, action, label) {
  const made = el("form", "keys");
  [made.method, made.action] = ["post", action];
  const button = el("button", "btn", label);
  [button.name, button.value] = ["q", question];
  made.append(button);
  return made;
}
