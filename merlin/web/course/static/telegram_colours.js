// Whether the colours of Telegram, mixed as the page mixes them, can be read.

export function light(color) {
  const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255);
  const [r, g, b] = parts.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [more, less] = [light(one), light(other)].sort((a, b) => b - a);
  return (more + 0.05) / (less + 0.05);
}

function mixed(one, other, share) {
  const part = (at) => {
    const [a, b] = [one, other].map((color) => parseInt(color.slice(at, at + 2), 16));
    return Math.round(a * share + b * (1 - share)).toString(16).padStart(2, "0");
  };
  return `#${part(1)}${part(3)}${part(5)}`;
}

// The colours of Telegram where a person can read them; ours where they cannot.
export function isReadable(theme) {
  const text = theme.text_color;
  const bg = theme.secondary_bg_color;
  const surface = theme.section_bg_color ?? theme.bg_color;
  const accent = theme.accent_text_color ?? theme.link_color;
  if (![text, bg, surface, accent].every((color) => /^#[0-9a-f]{6}$/i.test(color ?? ""))) return false;
  const strong = mixed(accent, text, 0.75);
  const pairs = [[text, 4.5], [mixed(text, surface, 0.7), 4.5], [strong, 4.5], [mixed(text, surface, 0.52), 3]];
  const sunken = mixed(text, surface, 0.08);
  return pairs.every(([color, least]) => [bg, surface, sunken].every((ground) => contrast(color, ground) >= least))
    && contrast(mixed(text, surface, 0.7), mixed(strong, surface, 0.14)) >= 4.5
    && contrast(strong, mixed(strong, surface, 0.14)) >= 4.5;
}
