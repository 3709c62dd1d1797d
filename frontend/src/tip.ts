/* The value under the pointer or the focus: one label for the whole page, filled as text only. */

let label: HTMLElement | undefined;

/** Shows `value` (and the token it belongs to) above an element. */
export function show(element: Element, title: string, value: string): void {
  const tip = (label ??= create());
  const strong = document.createElement("strong");
  strong.textContent = title;
  tip.replaceChildren(strong, document.createTextNode(value));
  tip.hidden = false;
  const box = element.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(innerWidth - width - 6, Math.max(6, box.left + box.width / 2 - width / 2));
  const above = box.top - height - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : box.bottom + 6}px`;
}

export function hide(): void {
  if (label !== undefined) label.hidden = true;
}

function create(): HTMLElement {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.dataset["testid"] = "tip";
  document.body.append(tip);
  addEventListener("scroll", hide, { passive: true });
  addEventListener("hashchange", hide);
  return tip;
}
