// What all peers draw: five deterministic lines, half of them smooth and half of them noisy.

export const LINES = 5;

/** The value of a line at sample number `n`. */
export function value(line, n) {
  const noise = Math.sin(n * 12.9898 + line * 78.233) * 43758.5453;
  const rough = (noise - Math.floor(noise) - 0.5) * line;
  return 10 * Math.sin(n / (200 + 60 * line) + line) + rough;
}

/** The first `points` values of a line, and room for `more`. */
export function values(line, points, more = 0) {
  const made = new Float64Array(points + more);
  for (let n = 0; n < points; n += 1) made[n] = value(line, n);
  return made;
}

/** The values of all lines at sample number `n`. */
export function update(n) {
  return Float64Array.from({ length: LINES }, (_, line) => value(line, n));
}
