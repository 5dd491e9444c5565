/** The style and the script of the HTML report. Neither names anything outside the page. */

const DARK = '--bg:#14161a;--fg:#e4e6e9;--dim:#98a0a9;--line:#2d3138;--card:#1c1f24;--hit:#5b4a00;--focus:#7aa7ff;--good:#56d364;--bad:#ff7b72';

export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f8;--fg:#1c1f23;--dim:#667079;--line:#dfe2e6;--card:#fff;--hit:#fff2b3;--focus:#2563eb;--good:#1a7f37;--bad:#c0392b;
--code:#7c5cd6;--file:#4c8bd0;--heap:#e0812a;--stack:#cf4a3c;--anonymous:#e3ac2f;--shared:#2fa37a;--sysv:#1f7a8c;--memfd:#3a9aa8;--kernel:#8a9199;--socket:#5b6570;--aio:#5b6570}
@media(prefers-color-scheme:dark){:root:not([data-theme=light]){${DARK}}}
:root[data-theme=dark]{color-scheme:dark;${DARK}}
:root[data-theme=light]{color-scheme:light}
*{box-sizing:border-box}body{margin:0 auto;max-width:1240px;padding:1rem 1.2rem 3rem;background:var(--bg);color:var(--fg);font:14.5px/1.45 system-ui,sans-serif}
h1{font-size:1.25rem;margin:.1rem 0;overflow-wrap:anywhere}h2{font-size:1rem;margin:1.4rem 0 .5rem;scroll-margin-top:3.6rem}h3{font-size:.82rem;font-weight:600;margin:0 0 .4rem;color:var(--dim)}p{margin:.3rem 0}
.dim,th{color:var(--dim);font-weight:400}code,td,.mono{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.84rem;overflow-wrap:anywhere}
.good{color:var(--good)}.bad{color:var(--bad)}
.facts{display:flex;flex-wrap:wrap;gap:.25rem 1.4rem;margin:.4rem 0}.facts b{font-weight:600}
.numbers{display:flex;flex-wrap:wrap;gap:.5rem;margin:.8rem 0}.numbers>div{flex:1 1 7.5rem;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.45rem .7rem}.numbers b{display:block;font-size:1.25rem;line-height:1.3;font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:.6rem}.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem;min-width:0}
.bar{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:center;background:var(--bg);padding:.6rem 0;margin-top:.6rem;border-bottom:1px solid var(--line)}
nav{display:flex;flex-wrap:wrap;gap:.2rem .9rem}.bar a{color:var(--dim);text-decoration:none}.bar a:hover{color:var(--fg);text-decoration:underline}
input{flex:1 1 14rem;min-width:0;font:inherit;padding:.3rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit}
button{font:inherit;padding:.25rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit;cursor:pointer}
:focus-visible{outline:2px solid var(--focus);outline-offset:-2px}
details>summary{cursor:pointer;list-style:none}details>summary::-webkit-details-marker{display:none}
summary::before{content:"";flex:none;display:inline-block;width:.42rem;height:.42rem;margin:0 .5rem .1rem .2rem;border:solid var(--dim);border-width:0 1.5px 1.5px 0;transform:rotate(-45deg)}details[open]>summary::before{transform:rotate(45deg)}
.list{background:var(--card);border:1px solid var(--line);border-radius:8px;overflow:hidden}
.process{border-bottom:1px solid var(--line)}.process:last-child{border-bottom:0}.process>summary{display:flex;align-items:center;gap:.55rem;padding:0 .7rem 0 .4rem;min-height:2.05rem}.process>summary:hover{background:color-mix(in srgb,var(--focus) 7%,transparent)}
.process>summary::before{margin-right:0}.guide{flex:none;align-self:stretch;background:repeating-linear-gradient(to right,var(--line) 0 1px,transparent 1px 1.3rem) .6rem 0 no-repeat}
.pid{flex:none;min-width:3.4em;text-align:right;color:var(--dim)}.process>summary b{flex:none}.command{flex:1;min-width:0;overflow:hidden;white-space:nowrap;text-overflow:ellipsis}details[open]>summary>.command{white-space:normal;overflow-wrap:anywhere;padding:.3rem 0}
.chip{flex:none;font-size:.78rem;color:var(--dim);white-space:nowrap}.chip.state{color:#fff;background:var(--stack);border-radius:4px;padding:0 .35rem}
.share{flex:none;display:flex;width:9rem;height:.7rem;border-radius:3px;overflow:hidden;background:color-mix(in srgb,var(--line) 55%,transparent)}.share i,.stack i{display:block}.size{flex:none;width:4.6rem;text-align:right;font-variant-numeric:tabular-nums}
.body{padding:.2rem .9rem .7rem 1.6rem;border-top:1px dashed var(--line)}.body details>summary{padding:.25rem 0}
.section{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:.6rem 0;padding:0 .8rem;scroll-margin-top:3.6rem}.section>summary{padding:.5rem 0}.section h2{display:inline;margin:0}
table{border-collapse:collapse;width:100%;margin:.3rem 0 .6rem}th,td{text-align:left;padding:.14rem .8rem .14rem 0;vertical-align:top;border-bottom:1px solid var(--line)}tr:last-child td{border-bottom:0}td.n,th.n{text-align:right;white-space:nowrap}tr.lit{background:var(--hit)}
.mappings td:not(:last-child){white-space:nowrap}.list table{margin:0}.list th,.list td{padding-left:.8rem}
.map{display:flex;height:2.2rem;border-radius:5px;overflow:hidden;margin:.5rem 0;background:var(--line)}
.map i{display:block;min-width:1px;position:relative;cursor:pointer;border-right:1px solid var(--card);background:color-mix(in srgb,var(--c) 35%,var(--card))}.map i u{position:absolute;left:0;right:0;bottom:0;background:var(--c)}.map i:hover{outline:2px solid var(--fg);outline-offset:-2px}
.stack{display:flex;height:1.1rem;border-radius:5px;overflow:hidden;background:var(--line)}
.key{display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.35rem 0 0;font-size:.84rem}.key span{display:inline-flex;align-items:center}.key i{display:inline-block;width:.7rem;height:.7rem;border-radius:2px;margin-right:.3rem}
.time{display:flex;height:1.1rem;border-radius:5px;overflow:hidden}.time span{min-width:3px}
.problem{border-left:3px solid var(--heap);padding-left:.6rem}mark{background:var(--hit);color:inherit}[hidden]{display:none!important}pre{margin:.2rem 0;overflow:auto;font-size:.82rem}
@media(max-width:760px){.share,.chip{display:none}.cards{grid-template-columns:1fr}}
`;

/** Search, theme, keys and the pictures' clicks; without it the page shows all there is, all the same. */
export const SCRIPT = `
'use strict';
(() => {
  const search = document.getElementById('search'), count = document.getElementById('count');
  const processes = [...document.querySelectorAll('details.process')];
  const sections = [...document.querySelectorAll('details.section')];
  const rows = [...document.querySelectorAll('tbody tr')];
  const text = new Map([...rows, ...processes.map((p) => p.querySelector('summary'))].map((e) => [e, e.textContent.toLowerCase()]));
  const wasOpen = new Map();
  const reveal = (d, open) => { if (!wasOpen.has(d)) wasOpen.set(d, d.open); d.open = open; };
  const apply = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const hit = (e) => words.every((w) => text.get(e).includes(w));
    let found = 0;
    for (const row of rows) { row.hidden = words.length > 0 && !hit(row); if (!row.hidden) found++; }
    if (words.length === 0) {
      for (const [d, open] of wasOpen) d.open = open;
      wasOpen.clear();
      for (const d of [...processes, ...sections]) d.hidden = false;
      count.textContent = '';
      return;
    }
    const some = (d) => [...d.querySelectorAll('tbody tr')].some((r) => !r.hidden);
    for (const p of processes) {
      const own = hit(p.querySelector('summary')), any = some(p);
      p.hidden = !own && !any;
      reveal(p, any && !own ? true : wasOpen.get(p) ?? p.open);
      for (const d of p.querySelectorAll('details')) if (some(d)) reveal(d, true);
      if (own) found++;
    }
    for (const s of sections) { s.hidden = !some(s); reveal(s, true); }
    count.textContent = found + ' found';
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
  document.addEventListener('click', (e) => {
    const part = e.target.closest('.map i'), link = e.target.closest('.bar a');
    if (link) { const to = document.querySelector(link.getAttribute('href')); if (to && to.tagName === 'DETAILS') to.open = true; }
    if (!part) return;
    const table = part.closest('.process').querySelector('.mappings');
    table.open = true;
    const row = table.querySelectorAll('tbody tr')[Number(part.dataset.at)];
    for (const lit of document.querySelectorAll('tr.lit')) lit.classList.remove('lit');
    row.classList.add('lit');
    row.scrollIntoView({ block: 'center' });
  });
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
