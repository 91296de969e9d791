// A list that grows downward: its end stays in view while it is in view.

const NEAR_END_PX = 80;

export class Scrolled {
  // What opens over the field makes the log lower; the end stays in view if it was.
  keepEnd() {
    let near = true;
    this.element.addEventListener("scroll", () => {
      near = this.isNearEnd();
    });
    new ResizeObserver(() => near && this.toEnd()).observe(this.element);
  }

  isNearEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  // Run a change and follow the end when the end was in view.
  follow(change) {
    const near = this.isNearEnd();
    change();
    if (near) this.toEnd();
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }
}
