/** The style and the script of the HTML report. Neither names anything outside the page. */

export const STYLE = `
:root{color-scheme:light dark;--bg:#fdfdfc;--fg:#1c1f23;--dim:#6a7178;--line:#dcdfe3;--card:#fff;--hit:#fff2b3;--focus:#2563eb;
--code:#7c5cd6;--file:#4c8bd0;--heap:#d9822b;--stack:#c0392b;--anonymous:#e0a526;--shared:#2a9d76;--sysv:#2a9d76;--memfd:#1f8a8a;--kernel:#8a9199;--socket:#555;--aio:#555}
@media(prefers-color-scheme:dark){:root:not([data-theme=light]){--bg:#16181c;--fg:#e4e6e9;--dim:#969da6;--line:#33373e;--card:#1e2126;--hit:#5b4a00;--focus:#7aa7ff}}
:root[data-theme=dark]{color-scheme:dark;--bg:#16181c;--fg:#e4e6e9;--dim:#969da6;--line:#33373e;--card:#1e2126;--hit:#5b4a00;--focus:#7aa7ff}
:root[data-theme=light]{color-scheme:light}
*{box-sizing:border-box}body{margin:0 auto;max-width:1200px;padding:1rem;background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif}
h1{font-size:1.3rem;margin:.2rem 0;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
.dim,th{color:var(--dim);font-weight:400}code,td,.mono{font-family:ui-monospace,monospace;font-size:.86rem;overflow-wrap:anywhere}
.facts{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;margin:.4rem 0}.facts b{font-weight:600}
.bar{position:sticky;top:0;z-index:2;display:flex;gap:.6rem;align-items:center;background:var(--bg);padding:.5rem 0;border-bottom:1px solid var(--line)}
input{flex:1;font:inherit;padding:.35rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit}
button{font:inherit;padding:.3rem .7rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit;cursor:pointer}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
details{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:.4rem 0;padding:.1rem .7rem}
summary{cursor:pointer;padding:.4rem 0;overflow-wrap:anywhere}summary b{margin-right:.5rem}
details details{border-width:1px 0 0;border-radius:0;margin:0;padding:0}
table{border-collapse:collapse;width:100%;margin:.3rem 0 .6rem}th,td{text-align:left;padding:.12rem .6rem .12rem 0;vertical-align:top;border-bottom:1px solid var(--line)}td.n{text-align:right;white-space:nowrap}
.map{display:flex;height:2.2rem;border-radius:5px;overflow:hidden;margin:.3rem 0;background:var(--line)}
.map i{display:block;min-width:1px;position:relative;opacity:.95;border-right:1px solid var(--card)}.map i u{position:absolute;left:0;right:0;bottom:0;background:rgba(0,0,0,.45)}
.key span{display:inline-flex;align-items:center;margin-right:.9rem}.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.3rem}
.time{display:flex;height:1.6rem;border-radius:5px;overflow:hidden;margin:.3rem 0}.time span{padding:0 .4rem;color:#fff;white-space:nowrap;overflow:hidden;font-size:.8rem;line-height:1.6rem}
.problem{border-left:3px solid #d9822b;padding-left:.6rem}mark{background:var(--hit);color:inherit}[hidden]{display:none!important}
`;

/** Search, theme and keys; without it the page shows all there is, all the same. */
export const SCRIPT = `
'use strict';
(() => {
  const search = document.getElementById('search'), count = document.getElementById('count');
  const processes = [...document.querySelectorAll('details.process')];
  const rows = [...document.querySelectorAll('tbody tr')];
  const text = new Map([...rows, ...processes.map((p) => p.querySelector('summary'))].map((e) => [e, e.textContent.toLowerCase()]));
  const wasOpen = new Map();
  const apply = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const hit = (e) => words.every((w) => text.get(e).includes(w));
    let found = 0;
    for (const row of rows) { row.hidden = words.length > 0 && !hit(row); if (!row.hidden) found++; }
    for (const p of processes) {
      const own = hit(p.querySelector('summary'));
      const inside = [...p.querySelectorAll('tbody tr')];
      if (words.length === 0) { p.hidden = false; if (wasOpen.has(p)) { p.open = wasOpen.get(p); wasOpen.delete(p); } continue; }
      if (!wasOpen.has(p)) wasOpen.set(p, p.open);
      const any = inside.some((r) => !r.hidden);
      p.hidden = !own && !any;
      p.open = any && !own ? true : wasOpen.get(p);
      for (const d of p.querySelectorAll('details')) if ([...d.querySelectorAll('tbody tr')].some((r) => !r.hidden) && any) d.open = true;
      if (own) found++;
    }
    count.textContent = words.length ? found + ' found' : '';
  };
  search.addEventListener('input', apply);
  const root = document.documentElement;
  const theme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  };
  document.getElementById('theme').addEventListener('click', theme);
  const move = (by) => {
    const shown = processes.filter((p) => !p.hidden).map((p) => p.querySelector('summary'));
    const at = shown.indexOf(document.activeElement);
    const next = shown[at < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(shown.length - 1, Math.max(0, at + by))];
    if (next) { next.focus(); next.scrollIntoView({ block: 'nearest' }); }
  };
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target === search) { if (e.key === 'Escape') { search.value = ''; apply(); search.blur(); } return; }
    if (e.key === '/') { e.preventDefault(); search.focus(); }
    else if (e.key === 'j') move(1);
    else if (e.key === 'k') move(-1);
    else if (e.key === 't') theme();
    else if (e.key === 'e') { const open = processes.some((p) => !p.open); for (const p of processes) p.open = open; }
  });
  document.body.dataset.ready = 'yes';
})();
`;
