import { safeText } from './units.js';

/** Pieces of HTML. All text that comes out of images goes through `escaped`. */

export const escaped = (text: string): string => safeText(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** A table, each row a list of cells; "n:" before a heading makes its column numbers. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const classes = headings.map((heading) => (heading.startsWith('n:') ? ' class="n"' : ''));
  const head = headings.map((heading, i) => `<th scope="col"${classes[i]}>${escaped(heading.replace('n:', ''))}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell, i) => `<td${classes[i]}>${escaped(String(cell))}</td>`).join('')}</tr>`).join('\n');
  return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

/** Names and values beside each other; those without a value are left out. */
export function facts(pairs: readonly (readonly [name: string, value: string | number | undefined])[]): string {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== '');
  return shown.length === 0 ? '' : `<div class="facts">${shown.map(([name, value]) => `<span><span class="dim">${escaped(name)}</span> <span class="mono">${escaped(String(value))}</span></span>`).join('')}</div>`;
}

export const part = (title: string, body: string, className = ''): string => `<details${className && ` class="${className}"`}><summary>${escaped(title)}</summary>${body}</details>`;

/** Something that is opened when it is wanted, with what it holds told beside its name. */
export const section = (id: string, title: string, about: string, body: string): string => (body === '' ? '' : `<details class="section" id="${id}"><summary><h2>${escaped(title)}</h2> <span class="dim">${escaped(about)}</span></summary>${body}</details>`);

/** Coloured parts side by side, as wide as their shares. */
export const stack = (className: string, label: string, parts: readonly (readonly [color: string, share: number, title: string])[]): string =>
  `<div class="${className}" role="img" aria-label="${escaped(label)}">${parts.filter(([, share]) => share > 0).map(([color, share, title]) => `<i style="flex:${share};background:var(--${color})" title="${escaped(title)}"></i>`).join('')}</div>`;

export const key = (parts: readonly (readonly [color: string, text: string])[]): string => `<div class="key">${parts.map(([color, text]) => `<span><i style="background:var(--${color})"></i>${escaped(text)}</span>`).join('')}</div>`;
